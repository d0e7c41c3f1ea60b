//! The page, in a real browser: opened, filtered, a failing cell expanded, looked at.

use std::path::{Path, PathBuf};

use harness::judge::Status;
use harness::report::{Format, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::sample;

/// The page of a run in a browser of its own.
struct Page {
    browser: Browser,
    file: PathBuf,
    _folder: TempDir,
}

impl Page {
    fn of(run: &Run, fragment: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("report.html");
        std::fs::write(&file, Format::Html.render(run)).unwrap();
        let mut browser = Browser::start();
        browser.look(1600, 1000, "light");
        browser.open(&file, fragment);
        Page { browser, file, _folder: folder }
    }

    fn names(&mut self) -> Vec<String> {
        let shown = "Array.from(document.querySelectorAll('tr[data-scenario]')).filter((row) => row.checkVisibility())
            .map((row) => row.dataset.scenario)";
        serde_json::from_value(self.browser.eval(shown)).unwrap()
    }

    /// How many elements there are that are seen.
    fn count(&mut self, selector: &str) -> u64 {
        let all = format!("Array.from(document.querySelectorAll({}))", json!(selector));
        self.browser.eval(&format!("{all}.filter((one) => one.checkVisibility()).length")).as_u64().unwrap()
    }

    /// Nothing leads sideways, and the colours are those that the user prefers.
    fn assert_fits(&mut self, colours: &str) {
        let wider = "Array.from(document.querySelectorAll('html, #detail')).map((one) => one.scrollWidth - one.clientWidth)";
        assert_eq!(self.browser.eval(wider), json!([0, 0]));
        // What scrolls by itself may be wider; what would be cut off may not.
        let cut = "Array.from(document.querySelectorAll('#detail .content *:not(figure *, .listing *)'))
            .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.className)";
        assert_eq!(self.browser.eval(cut), json!([]));
        let ground = self.browser.eval("getComputedStyle(document.documentElement).backgroundColor");
        assert_eq!(ground == "rgb(17, 21, 28)", colours == "dark", "{ground}");
    }

    /// Nothing was fetched, no script of the report's ran, and the console is empty.
    fn assert_calm(mut self) {
        let fetched =
            self.browser.eval("performance.getEntriesByType('resource').map((entry) => entry.name)");
        assert_eq!(fetched, json!([]));
        assert_eq!(self.browser.eval("window.pwned === undefined"), true);
        assert_eq!(self.browser.complaints, [Value::Null; 0]);
    }
}

/// The selector of a scenario's cell on the kernel at that position.
fn cell(scenario: &str, kernel: usize) -> String {
    format!("tr[data-scenario='{scenario}'] td:nth-of-type({}) .cell", kernel + 1)
}

#[test]
fn it_opens_with_all_results_and_each_says_its_status() {
    let run = sample::run();
    let mut page = Page::of(&run, "");
    assert_eq!(page.browser.text("h1"), "Isolation is broken in 7 of 21 results");
    assert_eq!(page.count(".cell"), 21);
    assert_eq!(page.count(".kernel"), 3);
    assert_eq!(page.browser.text(&cell("net/neighbours", 0)), "P\npass");
    assert_eq!(page.browser.text(&cell("net/neighbours", 1)), "F\nfail");
    for (status, count) in [("fail", 7), ("miss", 3), ("error", 3), ("skip", 3), ("pass", 5)] {
        assert_eq!(page.count(&format!(".cell.{status}")), count, "{status}");
        assert_eq!(page.browser.text(&format!(".chip.{status} b")), count.to_string());
    }
    for kernel in &run.kernels {
        assert!(page.browser.text(".kernels").contains(&kernel.name));
    }
    // Not before it is wanted.
    assert_eq!(page.browser.eval("document.querySelectorAll('.step, .listing').length"), 0);
    page.assert_calm();
}

#[test]
fn it_is_filtered_by_status_kernel_text_and_property_and_the_address_tells_it() {
    let mut page = Page::of(&sample::run(), "");
    page.browser.click(".chip[data-status=error]");
    assert_eq!(page.names(), ["uts/broken"]);
    page.browser.click(".chip[data-status=fail]");
    assert_eq!(page.names(), ["net/neighbours", "odd/characters", "uts/broken", "uts/left-behind"]);
    page.browser.click(".chip[data-kernel='debian-6.1']");
    assert_eq!(page.names(), ["odd/characters", "uts/broken", "uts/left-behind"]);
    page.browser.click("#text");
    page.browser.type_text("HOSTNAME own");
    assert_eq!(page.names(), ["uts/broken", "uts/left-behind"]);
    assert_eq!(page.count(".cell"), 2, "the other kernels' columns are hidden");

    let fragment = page.browser.eval("location.hash.slice(1)");
    let file = page.file.clone();
    page.browser.open(&file, fragment.as_str().unwrap());
    assert_eq!(page.names(), ["uts/broken", "uts/left-behind"]);
    assert_eq!(page.browser.eval("document.querySelector('#text').value"), "HOSTNAME own");

    page.browser.click(".clear");
    assert_eq!(page.names().len(), 7);
    page.browser.click(".properties summary");
    page.browser.click(".square[data-property=P3]");
    assert_eq!(page.count("#nothing"), 1, "P3 is not covered, although P37 is");
    page.browser.click(".square[data-property=P37]");
    assert_eq!(page.names(), ["net/neighbours"]);
    page.assert_calm();
}

#[test]
fn a_failing_cell_opens_by_keyboard_to_what_was_expected_and_observed() {
    let mut page = Page::of(&sample::run(), "");
    page.browser.eval("document.querySelector('.cell[tabindex=\"0\"]').focus()");
    page.browser.press("ArrowRight", 39);
    page.browser.press("Enter", 13);
    assert_eq!(page.browser.text("#detail h2"), "fail net/neighbours");
    assert_eq!(page.browser.text("#detail .reason"), "box: ping 192.168.47.11: not as expected");
    assert_eq!(page.browser.text("#detail .step.fail .side.good pre"), "\"192.168.47.11\"");
    assert_eq!(page.browser.text("#detail .step.fail .side.bad pre"), "\"192.168.47.99\"");
    let marked = "Array.from(document.querySelectorAll('#detail .pair mark')).map((mark) => mark.innerText)";
    let marked = page.browser.eval(marked);
    assert_eq!(marked[0], "11");
    assert_eq!(marked[1], "99");
    assert!(marked[2].as_str().unwrap().starts_with("mybr1 = {"), "{marked}");
    assert_eq!(page.count("#detail .step.pass .body"), 0, "what passed is folded");
    assert_eq!(page.count("#detail .listing .line.fail"), 2);
    assert!(page.browser.text("#detail .listing .line.fail").contains("192.168.47.11"));
    assert!(page.browser.text("#detail .covers").contains("P41"));

    page.browser.press("Escape", 27);
    assert_eq!(page.count("#detail"), 0);
    let label = page.browser.eval("document.activeElement.getAttribute('aria-label')");
    assert_eq!(label, "net/neighbours on debian-6.12: fail", "the focus is where it was");
    page.assert_calm();
}

#[test]
fn what_differs_is_marked_and_nothing_else() {
    let mut page = Page::of(&sample::run(), "");
    let mounts = json!([{ "type": "tmpfs", "target": "/" }, { "type": "proc", "target": "/proc" }]);
    let proc = "{ target = \"/proc\", type = \"proc\" }";
    for (expected, observed, marked) in [
        (json!("mycontainer"), json!("yourcontainer"), json!([["my"], ["your"]])),
        (json!(["a", 1]), json!(["a", 2]), json!([["1"], ["2"]])),
        (json!({ "is": { "a": 1, "b": 2 } }), json!({ "a": 1, "c": 2 }), json!([["b = 2"], ["c = 2"]])),
        (json!({ "lacks": { "type": "proc" } }), mounts.clone(), json!([[], [proc]])),
        (json!({ "contains": [{ "type": "proc" }, "x"] }), mounts, json!([["\"x\""], []])),
        (json!({ "at-least": 2 }), json!(1), json!([[], ["1"]])),
    ] {
        let marks = format!(
            "compare({expected}, {observed}).map((nodes) =>
                Array.from(el('p', {{}}, nodes).querySelectorAll('mark')).map((mark) => mark.textContent))"
        );
        assert_eq!(page.browser.eval(&marks), marked, "{expected} against {observed}");
    }
    page.assert_calm();
}

#[test]
fn the_drawing_shows_whose_namespaces_and_which_links() {
    let mut page = Page::of(&sample::run(), "open=net/neighbours@debian-6.12@nsproof");
    let words = page
        .browser
        .eval("Array.from(document.querySelectorAll('#detail .drawing text')).map((one) => one.textContent)");
    let words: Vec<String> = serde_json::from_value(words).unwrap();
    let count = |word: &str| words.iter().filter(|found| *found == word).count();
    for word in [
        "host",
        "box",
        "neighbour",
        "stranger",
        "mybr0",
        "192.168.47.11/24",
        "mybr1",
        "192.168.47.12/24",
        "eth0",
    ] {
        assert_eq!(count(word), 1, "{word} in {words:?}");
    }
    // Seven of the host, four of box, three of neighbour, one of stranger; neighbour joined box's network.
    assert_eq!((count("its own"), count("box's"), count("the host's")), (15, 1, 12));
    assert_eq!(page.count("#detail .drawing .joint"), 13);
    page.assert_calm();
}

#[test]
fn what_else_is_known_of_a_result_is_there() {
    let mut page = Page::of(&sample::run(), "open=uts/left-behind@debian-6.1@nsproof");
    let text = page.browser.text("#detail");
    for words in ["net/core/dev.c:1", "0x200", "interface mybr0", "mount /x (tmpfs)", "not the same"] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    page.browser.click("#detail .previous");
    assert_eq!(page.browser.text("#detail h2"), "error uts/broken");
    assert!(page.browser.text("#detail .step.error").contains("the probe ]]> died"));
    let file = page.file.clone();
    page.browser.open(&file, "open=uts/lost@debian-6.1@nsproof");
    assert!(page.browser.text("#detail .log").contains("Kernel panic"));
    page.assert_calm();
}

#[test]
fn nothing_of_a_report_is_read_as_markup() {
    let mut page = Page::of(&sample::run(), "open=odd/characters@debian-6.1@nsproof");
    assert_eq!(page.browser.text("#detail .side.bad pre"), json!(sample::SCRIPT).to_string());
    assert!(
        page.browser
            .text("#detail .about")
            .starts_with("Odd: <script>window.pwned = 1</script> & \"quotes\"")
    );
    assert!(page.browser.text("#detail .step .name").contains("]]> and <b>&amp;\"'`"));
    assert!(page.browser.text("tr[data-scenario='odd/characters'] .why").contains("<b>&amp;"));
    assert!(page.browser.text("thead").contains(sample::KERNELS[2]));
    assert_eq!(page.browser.eval("document.querySelectorAll('img, body b b').length"), 0);
    page.browser.click(&cell("uts/lost", 2));
    assert!(page.browser.text("#detail .where").contains(sample::KERNELS[2]));
    page.assert_calm();
}

#[test]
fn it_fits_every_window() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    let mut page = Page::of(&sample::run(), "");
    let file = page.file.clone();
    for (width, colours) in [(400, "light"), (400, "dark"), (820, "light"), (1600, "light"), (1600, "dark")] {
        for (name, fragment) in [("matrix", ""), ("result", "open=net/neighbours@debian-6.12@nsproof")] {
            page.browser.look(width, 1200, colours);
            page.browser.open(&file, fragment);
            page.assert_fits(colours);
            let shot = folder.join(format!("{name}-{width}-{colours}.png"));
            std::fs::write(shot, page.browser.screenshot()).unwrap();
        }
    }
    page.assert_calm();
}

#[test]
fn thousands_of_results_are_one_page_and_only_the_opened_one_is_built() {
    let mut run = sample::run();
    let source = run.scenarios["uts/hostname"].clone();
    let results: Vec<_> =
        run.results.iter().filter(|result| result.scenario == "uts/hostname").cloned().collect();
    for number in 0..1000 {
        let name = format!("many/{number:03}");
        run.scenarios.insert(name.clone(), source.clone());
        let copies = results.iter().cloned();
        run.results
            .extend(copies.map(|result| harness::report::Outcome { scenario: name.clone(), ..result }));
    }
    assert!(run.results.len() > 3000);
    let mut page = Page::of(&run, "text=many/1");
    assert_eq!(page.names().len(), 100);
    assert_eq!(page.browser.eval("document.querySelectorAll('.step').length"), 0);
    page.browser.click(&cell("many/150", 1));
    assert_eq!(page.count("#detail h2"), 1);
    assert_eq!(page.browser.eval("document.querySelectorAll('.step').length"), 1);
    page.assert_calm();
}

#[test]
fn on_paper_what_did_not_pass_is_told_after_the_matrix() {
    let mut page = Page::of(&sample::run(), "status=fail");
    page.browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(page.count(".filters, #detail"), 0);
    page.browser.eval("window.dispatchEvent(new Event('beforeprint'))");
    assert_eq!(page.count("#paper article"), 7);
    assert!(page.browser.text("#paper").contains("192.168.47.99"));
    let pdf = page.browser.call("Page.printToPDF", json!({ "printBackground": true }));
    assert!(pdf["data"].as_str().unwrap().starts_with("JVBERi"), "a PDF begins with %PDF");
    page.assert_calm();
}

#[test]
fn on_paper_what_there_is_no_room_for_is_counted() {
    let mut run = sample::run();
    let failing = run.results.iter().find(|result| result.status == Status::Fail).unwrap().clone();
    run.results = vec![failing; 103];
    for (number, result) in run.results.iter_mut().enumerate() {
        result.scenario = format!("many/{number}");
    }
    let mut page = Page::of(&run, "");
    page.browser.eval("window.dispatchEvent(new Event('beforeprint'))");
    let told = page.browser.eval("document.getElementById('paper').lastChild.textContent");
    assert_eq!(told, "3 more did not pass: filter the page, and print it again.");
    page.assert_calm();
}
