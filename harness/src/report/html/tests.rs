use super::*;
use crate::judge::Status;
use crate::report::tests::run;
use crate::report::{Expected, Kernel};

/// The text of the element that begins with this.
fn inside<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(begin).unwrap_or_else(|| panic!("no {begin} in\n{page}"));
    rest.split_once(end).unwrap().0
}

#[test]
fn the_page_carries_the_whole_report_and_no_character_of_it_can_end_the_script() {
    let run = run();
    let page = render(&run);
    let data = inside(&page, r#"<script id="report" type="application/json">"#, "</script>");
    assert!(!data.contains(['<', '>', '&']), "{data}");
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["run"], serde_json::to_value(&run).unwrap());
    assert_eq!(data["properties"]["P1"], catalogue::find("P1").unwrap().text);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("<style").count(), 1);
}

#[test]
fn nothing_is_asked_of_elsewhere() {
    let page = render(&run());
    let elsewhere = [" src=", " href=", "@import", "url(", "fetch(", "XMLHttpRequest"];
    let found: Vec<_> = elsewhere.into_iter().filter(|word| page.contains(word)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(page.contains("content=\"default-src 'none'"));
}

#[test]
fn texts_are_escaped_where_they_stand() {
    let mut run = run();
    let odd = "\"><script>'&\u{1b}";
    run.kernels[0].name = odd.into();
    run.kernels[0].accel_reason = odd.into();
    for result in &mut run.results {
        result.kernel = odd.into();
        result.reason = Some(odd.into());
    }
    let page = render(&run);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(page.contains("data-kernel=\"&quot;&gt;&lt;script&gt;'&amp;"));
}

#[rstest::rstest]
#[case(&[Status::Pass, Status::Fail, Status::Miss], Status::Fail, "Isolation is broken in 1 of 3 results")]
#[case(&[Status::Pass, Status::Error, Status::Miss], Status::Miss, "No verdict in 2 of 3 results")]
#[case(&[Status::Skip], Status::Skip, "Nothing was proven: 1 result, none passed")]
#[case(&[], Status::Skip, "Nothing was proven: 0 results, none passed")]
#[case(&[Status::Pass, Status::Skip], Status::Pass, "Isolation holds: 1 of 2 results passed, 1 skipped")]
#[case(&[Status::Pass], Status::Pass, "Isolation holds: all of 1 result passed")]
fn the_headline_is_how_it_ended(#[case] ended: &[Status], #[case] status: Status, #[case] words: &str) {
    let mut run = run();
    let of = |status: &Status| Outcome { status: *status, ..run.results[0].clone() };
    run.results = ended.iter().map(of).collect();
    run.totals = crate::report::Totals::of(&run.results);
    assert_eq!(summary::headline(&run), (status, words.to_owned()));
    assert!(render(&run).contains(&format!("<header class=\"top {}\">", status.word())));
}

#[test]
fn what_a_baseline_expects_is_no_news() {
    let mut run = run();
    run.results.truncate(2);
    run.totals = crate::report::Totals::of(&run.results);
    let expected = |status| Some(Expected { status, reason: "#1".into(), place: "baseline.toml:1".into() });
    run.results[1].baseline = expected(Status::Fail);
    let known = "Isolation holds: 1 of 2 results passed, 0 skipped, 1 failed as known";
    assert_eq!(summary::headline(&run), (Status::Pass, known.to_owned()));
    assert!(render(&run).contains("expected: #1"));
    run.results[0].baseline = expected(Status::Fail);
    let fixed = "1 of 2 results passed where the baseline expects a failure";
    assert_eq!(summary::headline(&run), (Status::Fail, fixed.to_owned()));
}

#[test]
fn a_property_is_green_only_if_it_is_proven_on_every_kernel() {
    let mut run = run();
    let square = |run: &Run| inside(&render(run), "data-property=\"P1\" title=\"P1 (", ")").to_owned();
    assert_eq!(square(&run), "fail");
    run.results.truncate(1);
    assert_eq!(square(&run), "pass");
    run.kernels.push(Kernel { name: "other".into(), ..run.kernels[0].clone() });
    assert_eq!(square(&run), "skip");
    run.results.clear();
    assert_eq!(square(&run), "not covered by this run");
}

#[test]
fn each_runtime_has_its_column() {
    let mut run = run();
    let others = run.results.iter().map(|result| Outcome { runtime: "crun".into(), ..result.clone() });
    run.results = run.results.iter().cloned().chain(others).collect();
    let runtimes: Vec<_> = columns(&run).iter().map(|column| column.runtime).collect();
    assert_eq!(runtimes, ["nsproof", "crun"]);
    assert_eq!(render(&run).matches("class=\"cell").count(), 12);
}

#[test]
fn a_drawing_is_well_formed_and_tells_itself_in_words() {
    let page = render(&run());
    let drawing = inside(&page, r#"<template data-drawing="uts/pass">"#, "</template>");
    let drawing = roxmltree::Document::parse(drawing).unwrap();
    assert_eq!(drawing.root_element().attribute("aria-label"), Some("box: own namespaces uts"));
}

#[test]
fn a_scenario_of_another_version_is_not_drawn() {
    let mut run = run();
    run.scenarios.get_mut("uts/pass").unwrap().text = "new = true".into();
    assert!(
        inside(&render(&run), r#"<template data-drawing="uts/pass">"#, "</template>")
            .contains("draws nothing")
    );
}
