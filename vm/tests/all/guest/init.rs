//! PID 1 of the test guests: says READY on ttyS1, then does what each line asks for.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

fn main() {
    let port = OpenOptions::new().read(true).write(true).open("/dev/ttyS1").expect("ttyS1");
    let mut say = port.try_clone().expect("ttyS1");
    writeln!(say, "noise").expect("ttyS1");
    let modules = std::fs::read_to_string("/modules/order").unwrap_or_default();
    writeln!(say, "READY {}", modules.lines().collect::<Vec<_>>().join(" ")).expect("ttyS1");
    for line in BufReader::new(port).lines() {
        let line = line.expect("ttyS1");
        match line.trim() {
            // The kernel panics when PID 1 ends.
            "panic" => {
                writeln!(say, "last words").expect("ttyS1");
                return;
            }
            "hang" => loop {
                std::hint::spin_loop();
            },
            "sleep" => std::thread::sleep(Duration::from_secs(3600)),
            "console" => writeln!(File::create("/dev/console").expect("console"), "hello").expect("console"),
            "flood" => (0..20_000).for_each(|n| writeln!(say, "{n:>60}").expect("ttyS1")),
            "read" => {
                let text = std::fs::read_to_string("/file").unwrap_or_else(|_| "nothing".to_owned());
                writeln!(say, "GOT {text}").expect("ttyS1");
                continue;
            }
            _ if line.starts_with("write ") => {
                std::fs::write("/file", line["write ".len()..].trim()).expect("/file");
                writeln!(say, "GOT written").expect("ttyS1");
                continue;
            }
            _ => {}
        }
        writeln!(say, "GOT {line}").expect("ttyS1");
    }
}
