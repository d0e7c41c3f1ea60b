//! What the oracles cannot see on a kernel: where none of them can, a pass proves less.

use std::collections::BTreeMap;

use vm::kernel::Setting;

use super::Kernel;
use protocol::event::Ready;

/// The oracle that reads WARN_ON() and BUG_ON().
const LOG: &str = "kernel log";

impl Kernel {
    /// A sentence each: `the kernel log cannot tell of warnings: no CONFIG_BUG`.
    pub fn blindness(&self) -> impl Iterator<Item = String> {
        self.blind.iter().map(|(oracle, why)| format!("the {oracle} {why}"))
    }
}

/// What a guest said of its oracles, completed by the configuration of its kernel (`setting`, where there is one).
pub(crate) fn of(ready: &Ready, setting: impl Fn(&str) -> Option<Setting>) -> BTreeMap<String, String> {
    let mut blind = ready.blind.clone();
    let warns = ready.warns.or_else(|| setting("CONFIG_BUG").map(|setting| setting != Setting::No));
    let why = match warns {
        Some(true) => return blind,
        Some(false) => "cannot tell of warnings: no CONFIG_BUG",
        None => {
            "may not be able to tell of warnings: whether there is CONFIG_BUG is told by no /proc/kallsyms (CONFIG_KALLSYMS) \
             and by no configuration"
        }
    };
    // One that is not there tells of nothing at all.
    blind.entry(LOG.to_owned()).or_insert_with(|| why.to_owned());
    blind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::told(Some(true), Some(Setting::No), None)]
    #[case::told_that_not(Some(false), Some(Setting::Yes), Some("cannot tell of warnings: no CONFIG_BUG"))]
    #[case::configured(None, Some(Setting::Yes), None)]
    #[case::configured_without(None, Some(Setting::No), Some("cannot tell of warnings: no CONFIG_BUG"))]
    #[case::not_known(None, None, Some("may not be able to tell of warnings"))]
    fn a_kernel_that_cannot_warn_is_told_of(
        #[case] warns: Option<bool>,
        #[case] setting: Option<Setting>,
        #[case] told: Option<&str>,
    ) {
        let ready = Ready { warns, ..Ready::default() };
        let blind = of(&ready, |_| setting.clone());
        let why = blind.get(LOG).map(String::as_str);
        assert!(
            why.is_some() == told.is_some() && told.is_none_or(|told| why.unwrap().starts_with(told)),
            "{why:?}"
        );
    }

    #[test]
    fn a_log_that_is_not_there_tells_of_no_warning_either() {
        let why = "is not there: no /dev/kmsg (CONFIG_PRINTK)".to_owned();
        let ready = Ready { blind: BTreeMap::from([(LOG.into(), why.clone())]), ..Ready::default() };
        let kernel = Kernel { blind: of(&ready, |_| None), ..Kernel::unused("k", "") };
        assert_eq!(kernel.blindness().collect::<Vec<_>>(), [format!("the {LOG} {why}")]);
    }
}
