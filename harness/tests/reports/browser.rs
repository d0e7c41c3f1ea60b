//! A headless Chromium, spoken to in the DevTools protocol: commands with a number, answers with the same, and events between.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// Longest wait for anything, on a machine that has other things to do.
const DEADLINE: Duration = Duration::from_secs(120);

/// One browser with one page; it ends with the value, and with the thread that made it.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    /// Of the page.
    session: Option<String>,
    number: u64,
    /// What the page complained of: errors, warnings, refused requests.
    pub(crate) complaints: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let mut child = chromium(profile.path()).spawn().expect("setpriv (Debian's package util-linux) runs");
        let (port, path) = address(&mut child, profile.path());
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream).unwrap();
        let mut browser =
            Browser { child, socket, session: None, number: 0, complaints: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Carries out one command of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(command.to_string())).unwrap();
        loop {
            let mut answer = self.read();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.note(answer);
        }
    }

    fn read(&mut self) -> Value {
        let message = self.socket.read().expect("Chromium answers before the deadline");
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    fn note(&mut self, event: Value) {
        let bad = match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Log.entryAdded") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] != "log",
            _ => false,
        };
        if bad {
            self.complaints.push(event);
        }
    }

    /// Opens a file at a fragment of its address, and waits until the page lives.
    pub(crate) fn open(&mut self, file: &Path, fragment: &str) {
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": format!("file://{}#{fragment}", file.display()) }));
        self.wait("document.readyState === 'complete' && document.documentElement.matches('.live')");
    }

    /// What an expression of JavaScript comes to.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The text of an element as it is seen, `null` if there is no such element.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        self.eval(&format!("document.querySelector({})?.innerText", json!(selector)))
            .as_str()
            .unwrap_or_else(|| panic!("there is no {selector}"))
            .to_owned()
    }

    /// Waits until it is true.
    pub(crate) fn wait(&mut self, expression: &str) {
        let end = Instant::now() + DEADLINE;
        while self.eval(expression) != true {
            assert!(Instant::now() < end, "this never came true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Clicks with the mouse where the element is.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "(() => {{ const it = document.querySelector({}); it.scrollIntoView({{ block: 'center' }});
                const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let params =
                json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Presses a key by its name, with the code that Windows gave it.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// The window's inner size in pixels, and the colours that its user prefers.
    pub(crate) fn look(&mut self, width: u32, height: u32, colours: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The page as a PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        data_encoding::BASE64.decode(shot["data"].as_str().unwrap().as_bytes()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself; its other processes end when they lose it.
        let ended = self.child.kill().and_then(|()| self.child.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "Chromium cannot be ended: {ended:?}");
    }
}

/// Chromium, or the Chrome that is made of it: Ubuntu has no package of the one, and its machines in CI bring the other.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["chromium", "google-chrome", "chromium-browser"];
    let mut programs = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs
        .find(|program| program.is_file())
        .expect("this test needs Chromium (Debian's package `chromium`)")
}

fn chromium(profile: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // Should this process be killed, then nobody is left to end the browser but the kernel.
    command.args(["--pdeathsig", "KILL"]).arg(program());
    command.args(["--headless=new", "--remote-debugging-port=0"]);
    // The page is ours, and the sandbox cannot be had by root nor in most containers.
    command.args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]);
    command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    let log = std::fs::File::create(profile.join("stderr")).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}

/// The port and path that Chromium writes into its profile when it listens.
fn address(child: &mut Child, profile: &Path) -> (u16, String) {
    let end = Instant::now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n') {
            return (port.parse().unwrap(), path.trim_end().to_owned());
        }
        let ended = child.try_wait().unwrap();
        if ended.is_some() || Instant::now() > end {
            let words = std::fs::read_to_string(profile.join("stderr")).unwrap();
            panic!("Chromium does not listen, {ended:?}:\n{words}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
