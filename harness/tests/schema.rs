//! The JSON schema of scenario files, by an independent validator: it takes what the loader takes, and no more than it must.

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

fn validator() -> Validator {
    let schema = harness::scenario::schema();
    jsonschema::meta::validate(&schema).expect("it is a schema itself");
    jsonschema::draft7::new(&schema).unwrap()
}

fn document(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// What the schema says against a text: where, and what.
fn told(validator: &Validator, text: &str) -> Vec<String> {
    let document = document(text);
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn below(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    assert!(!found.is_empty());
    found
}

#[test]
fn every_scenario_is_right() {
    let validator = validator();
    let folders = ["../scenarios", "../ci/tests/scenarios", "selftest/src/scenarios", "src/run/exercises"];
    let mut right = 0;
    for (path, text) in folders.into_iter().flat_map(below) {
        if harness::scenario::parse("x", &path, &text).is_ok() {
            assert_eq!(told(&validator, &text), [""; 0], "{path}");
            right += 1;
        }
    }
    assert!(right > 94, "{right}");
}

/// An editor that marks what is right as wrong is worse than none.
#[test]
fn what_the_schema_refuses_the_loader_refuses() {
    let validator = validator();
    let mut both = 0;
    for (path, text) in below("tests/diagnostics") {
        let Ok(table) = toml::from_str::<toml::Table>(&text) else { continue };
        if !validator.is_valid(&serde_json::to_value(table).unwrap()) {
            assert!(harness::scenario::parse("x", &path, &text).is_err(), "{path}");
            both += 1;
        }
    }
    assert!(both > 20, "{both}");
}

const GOOD: &str = r#"
about = "A container's hostname is its own."
covers = ["P30"]
needs = [{ module = "veth" }]
deadline = "5s"

[container.box]
namespaces = ["uts", "net", "mount"]
hostname = "mycontainer"
links = [{ host = "a0", container = "b0" }]
root = { tmpfs = "50M" }
mounts = [{ type = "tmpfs", target = "/x" }]
rlimits = { nofile = { soft = 1, hard = 2 } }

[[step]]
name = "one"
in = "box"
via = "exec"
do = "hostname"
expect = { is = "mycontainer" }

[[step]]
in = "box"
do = { kill = { pid = 1, signal = "TERM" } }
expect = [{ contains = "x" }, { at = "/a", at-least = 1 }]

[[step]]
in = "host"
do = { exercise = "CAP_CHOWN" }
expect = { errno = "EPERM" }
"#;

#[rstest::rstest]
#[case::no_words("about = \"A container's hostname is its own.\"", "", "about")]
#[case::words_of_two_lines("its own.\"", "its\\nown.\"", "/about")]
#[case::an_unknown_key("deadline =", "dead-line =", "dead-line")]
#[case::an_unknown_property("\"P30\"", "\"P999\"", "/covers/0")]
#[case::a_property_twice("[\"P30\"]", "[\"P30\", \"P30\"]", "/covers")]
#[case::an_unknown_need("{ module =", "{ modul =", "/needs/0")]
#[case::no_time("\"5s\"", "\"5 s\"", "/deadline")]
#[case::a_time_of_nothing("\"5s\"", "\"00s\"", "/deadline")]
#[case::a_container_with_a_reserved_name("[container.box]", "[container.host]", "/container")]
#[case::a_container_named_as_a_process("[container.box]", "[container.17]", "/container")]
#[case::a_namespace_of_another_name("\"mount\"", "\"mnt\"", "/container/box/namespaces/2")]
#[case::a_field_that_is_none("hostname = ", "host-name = ", "/container/box")]
#[case::a_number_for_a_text("hostname = \"mycontainer\"", "hostname = 4", "/container/box/hostname")]
#[case::a_link_without_its_end(", container = \"b0\"", "", "/container/box/links/0")]
#[case::an_unknown_field_of_the_root("{ tmpfs =", "{ size =", "/container/box/root")]
#[case::a_mount_without_a_target(", target = \"/x\"", "", "/container/box/mounts/0")]
#[case::an_unknown_limit("{ nofile =", "{ no-file =", "/container/box/rlimits")]
#[case::a_limit_that_is_a_text("soft = 1", "soft = \"1\"", "/container/box/rlimits/nofile")]
#[case::another_way_in("via = \"exec\"", "via = \"ssh\"", "/step/0/via")]
#[case::nobody_who_acts("in = \"host\"\n", "", "/step/2")]
#[case::an_unknown_word("do = \"hostname\"", "do = \"host-name\"", "/step/0/do")]
#[case::a_word_without_its_argument("do = \"hostname\"", "do = \"ping\"", "/step/0/do")]
#[case::an_argument_too_many("do = \"hostname\"", "do = { hostname = 1 }", "/step/0/do")]
#[case::two_things_at_once("{ exercise = \"CAP_CHOWN\" }", "{ ping = \"::1\", stat = \"/\" }", "/step/2/do")]
#[case::no_address("{ exercise = \"CAP_CHOWN\" }", "{ ping = \"nowhere\" }", "/step/2/do")]
#[case::no_name_of_an_interface("{ exercise = \"CAP_CHOWN\" }", "{ add-dummy = \"a/b\" }", "/step/2/do")]
#[case::an_unknown_capability("CAP_CHOWN", "CAP_OWN", "/step/2/do")]
#[case::an_unknown_signal("\"TERM\"", "\"SIGTERM\"", "/step/1/do")]
#[case::an_unknown_matcher("{ is =", "{ equals =", "/step/0/expect")]
#[case::a_table_that_expects_nothing("{ is = \"mycontainer\" }", "{ at = \"/a\" }", "/step/0/expect")]
#[case::an_unknown_errno("\"EPERM\"", "\"EPREM\"", "/step/2/expect")]
#[case::no_pointer("at = \"/a\"", "at = \"a\"", "/step/1/expect")]
#[case::a_part_that_everything_has("contains = \"x\"", "contains = \"\"", "/step/1/expect")]
fn what_is_wrong_is_refused_where_it_is(#[case] good: &str, #[case] wrong: &str, #[case] place: &str) {
    let validator = validator();
    assert_eq!(told(&validator, GOOD), [""; 0]);
    harness::scenario::parse("x", "x.toml", GOOD).unwrap();
    assert_eq!(GOOD.matches(good).count(), 1, "{good}");
    let text = GOOD.replace(good, wrong);
    let told = told(&validator, &text);
    assert!(!told.is_empty() && told.iter().all(|told| told.contains(place)), "{told:?}");
    assert!(harness::scenario::parse("x", "x.toml", &text).is_err());
}

/// Who writes a scenario is offered words, and is told what each means.
#[test]
fn what_is_offered_is_explained() {
    let schema = harness::scenario::schema();
    let mut operations = 0;
    for operation in schema["definitions"]["Operation"]["oneOf"].as_array().unwrap() {
        assert!(operation["description"].as_str().is_some_and(|text| text.len() > 6), "{operation}");
        operations += 1;
    }
    assert!(operations > 40, "{operations}");
    for (name, field) in schema["definitions"]["Spec"]["properties"].as_object().unwrap() {
        assert!(field["description"].as_str().is_some(), "{name}: {field}");
    }
}
