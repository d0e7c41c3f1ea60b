//! Processor time: what a busy machine does not stretch, as it does the time of day.

use std::time::Duration;

/// Parts of a second that the kernel counts in: `USER_HZ`, which programs are told, and which is no setting. time(7)
const TICKS: u32 = 100;

/// What a process has used so far, in steps of 10 ms; `None` when it is gone.
pub(super) fn of(pid: u32) -> Option<Duration> {
    times(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, 2)
}

/// What this process has used so far, and the children that it has waited for.
pub(super) fn of_us_all() -> Option<Duration> {
    times(&std::fs::read_to_string("/proc/self/stat").ok()?, 4)
}

/// The sum of the first `count` of: user, system, both of the children. proc_pid_stat(5)
fn times(stat: &str, count: usize) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(count).map(str::parse::<u32>);
    Some(Duration::from_secs(1) * ticks.sum::<Result<u32, _>>().ok()? / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_added() {
        let stat = "9 (a) b) S 1 9 9 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 5";
        assert_eq!(times(stat, 2), Some(Duration::from_millis(1200)));
        assert_eq!(times(stat, 4), Some(Duration::from_millis(1240)));
        assert_eq!(times("", 2), None);
    }
}
