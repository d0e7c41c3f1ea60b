use rstest::rstest;

use super::*;

/// What the step `before` observed.
fn before() -> Value {
    json!({ "uts": 1, "net": 2 })
}

fn earlier(step: &str) -> Option<Value> {
    (step == "before").then(before)
}

/// Reads a matcher as a scenario file would.
fn matcher(expect: &str) -> Matcher {
    let text = format!(
        "about = 'x'\n[[step]]\nname = 'before'\nin = 'host'\ndo = 'pids'\n[[step]]\nin = 'host'\ndo = 'pids'\nexpect = {expect}\n"
    );
    let scenario = crate::scenario::parse("x", "x.toml", &text);
    let mut steps = scenario.unwrap_or_else(|problems| panic!("{expect}: {problems:?}")).steps;
    steps.pop().and_then(|step| step.expect).expect("the last step expects something")
}

#[rstest]
#[case::text("'box'", json!("box"), json!("Box"))]
#[case::number("1", json!(1), json!(2))]
#[case::whole_and_fraction("1.0", json!(1), json!(1.5))]
#[case::boolean("true", json!(true), json!("true"))]
#[case::list("[1, 2]", json!([1, 2]), json!([2, 1]))]
#[case::is_table("{ is = { a = 1 } }", json!({ "a": 1 }), json!({ "a": 1, "b": 2 }))]
#[case::not("{ not = 'box' }", json!("host"), json!("box"))]
#[case::contains_part("{ contains = 'ox' }", json!("box"), json!("bax"))]
#[case::contains_element("{ contains = 'lo' }", json!(["lo", "eth0"]), json!(["loo"]))]
#[case::contains_all("{ contains = ['a', 'b'] }", json!(["b", "c", "a"]), json!(["a", "c"]))]
#[case::contains_key("{ contains = 'lo' }", json!({ "lo": {} }), json!({ "eth0": "lo" }))]
#[case::contains_entries("{ contains = { a = 1, b = { c = 2 } } }", json!({ "a": 1, "b": { "c": 2, "d": 3 } }), json!({ "a": 1, "b": {} }))]
#[case::contains_a_like_element("{ contains = { type = 'proc' } }", json!([{ "type": "proc", "to": "/" }]), json!([{ "type": "sysfs" }]))]
#[case::contains_of_a_number("{ contains = 1 }", json!([1]), json!(1))]
#[case::lacks_part("{ lacks = 'ox' }", json!("bax"), json!("box"))]
#[case::lacks_each("{ lacks = ['a', 'b'] }", json!(["c"]), json!(["b"]))]
#[case::lacks_key("{ lacks = 'lo' }", json!({}), json!({ "lo": 1 }))]
#[case::lacks_a_like_element("{ lacks = { type = 'proc' } }", json!([]), json!([{ "type": "proc", "to": "/" }]))]
#[case::lacks_of_a_number("{ lacks = 1 }", json!([2]), json!(2))]
#[case::any_of("{ any-of = [1, { at-least = 5 }] }", json!(7), json!(2))]
#[case::matches("{ matches = '^my.*r$' }", json!("mycontainer"), json!("amycontainer"))]
#[case::matches_of_a_number("{ matches = '1' }", json!("1"), json!(1))]
#[case::at_least("{ at-least = 3 }", json!(3), json!(2.9))]
#[case::at_most("{ at-most = 3 }", json!(3), json!(4))]
#[case::as_many("{ at-least = 2, at-most = 2 }", json!(["a", "b"]), json!(["a"]))]
#[case::at("{ at = '/a/0', is = 1 }", json!({ "a": [1] }), json!({ "a": [2] }))]
#[case::at_nowhere("{ at = '/a', not = 1 }", json!({ "a": 2 }), json!({}))]
#[case::lacks_nowhere("{ at = '/a', lacks = 'x' }", json!({ "a": [] }), json!({}))]
#[case::several("[{ at = '/a', is = 1 }, { lacks = 'b' }]", json!({ "a": 1 }), json!({ "a": 1, "b": 2 }))]
#[case::same_as("{ same-as = 'before' }", before(), json!({ "uts": 1 }))]
#[case::same_part("{ at = '/uts', same-as = 'before' }", json!({ "uts": 1 }), json!({ "uts": 2 }))]
#[case::differs_from("{ at = '/uts', differs-from = 'before' }", json!({ "uts": 2 }), json!({ "uts": 1 }))]
#[case::differs_from_what_was_not_there("{ at = '/pid', differs-from = 'before' }", json!({ "pid": 1, "uts": 1 }), json!({ "pid": 1 }))]
fn holds_of_one_and_not_of_the_other(#[case] expect: &str, #[case] good: Value, #[case] bad: Value) {
    let matcher = matcher(expect);
    let missing_earlier = expect.contains("/pid");
    let mismatches = |value: &Value| matcher.mismatches(Observed::Value(value), &earlier);
    assert_eq!(mismatches(&good).is_empty(), !missing_earlier, "{good}");
    assert!(!mismatches(&bad).is_empty(), "{bad}");
    // An errno, or nothing at all, satisfies no matcher of values.
    assert!(!matcher.mismatches(Observed::Errno("EPERM", None), &earlier).is_empty());
    assert!(!matcher.mismatches(Observed::Nothing, &earlier).is_empty());
}

#[test]
fn an_errno_is_exact_and_kernels_may_differ() {
    let refused =
        |expect: &str, errno: &str| matcher(expect).mismatches(Observed::Errno(errno, None), &earlier);
    assert!(refused("{ errno = 'EPERM' }", "EPERM").is_empty());
    assert!(!refused("{ errno = 'EPERM' }", "EACCES").is_empty());
    let either = "{ any-of = [{ errno = 'EPERM' }, { errno = 'EACCES' }] }";
    assert!(refused(either, "EACCES").is_empty());
    assert!(!refused(either, "EINVAL").is_empty());
    assert!(!matcher(either).mismatches(Observed::Value(&json!("EPERM")), &earlier).is_empty());
}

#[test]
fn a_mismatch_is_data() {
    let mismatches =
        |expect: &str, value: Value| matcher(expect).mismatches(Observed::Value(&value), &earlier);
    let both = mismatches("[{ at = '/a', is = 1 }, { at = '/b', not = 2 }]", json!({ "a": 3 }));
    assert_eq!(
        both,
        [
            Mismatch { at: "/a".into(), expected: json!(1), observed: Some(json!(3)) },
            Mismatch { at: "/b".into(), expected: json!({ "not": 2 }), observed: None },
        ]
    );
    let same = mismatches("{ at = '/uts', same-as = 'before' }", json!({ "uts": 9 }));
    assert_eq!(same[0].expected, json!({ "same-as": "before", "which-is": 1 }));
}

#[rstest]
#[case("'box'", json!("box"))]
#[case("{ is = { a = 1 } }", json!({ "is": { "a": 1 } }))]
#[case("{ at = '/a', is = 1 }", json!({ "at": "/a", "is": 1 }))]
#[case("{ at = '/a', at-least = 1, at-most = 2.5 }", json!({ "at": "/a", "at-least": 1, "at-most": 2.5 }))]
#[case("{ any-of = [{ errno = 'EPERM' }, 1] }", json!({ "any-of": [{ "errno": "EPERM" }, 1] }))]
#[case("[{ lacks = 'a' }, { lacks = 'b' }]", json!([{ "lacks": "a" }, { "lacks": "b" }]))]
#[case("[{ at = '/a', is = 1 }, { at = '/b', is = 2 }]", json!([{ "at": "/a", "is": 1 }, { "at": "/b", "is": 2 }]))]
fn a_matcher_is_shown_as_it_is_written(#[case] expect: &str, #[case] shown: Value) {
    assert_eq!(matcher(expect).to_json(), shown);
}
