//! Which capability sets a program ends up with. capabilities(7)

use caps::{Capability, CapsHashSet};

use crate::spec::Capabilities;

/// The word that stands for every capability that the caller can give.
pub const ALL: &str = "ALL";

/// The five sets, as the program has them after execve(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sets {
    pub(crate) bounding: CapsHashSet,
    pub(crate) permitted: CapsHashSet,
    pub(crate) effective: CapsHashSet,
    pub(crate) inheritable: CapsHashSet,
    pub(crate) ambient: CapsHashSet,
}

/// A capability by its name, with or without `CAP_`, in any case.
pub fn parse(name: &str) -> Option<Capability> {
    caps::to_canonical(name).parse().ok()
}

/// Every name that [`parse`] knows, without `CAP_`, sorted.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = caps::all().iter().map(|&capability| short(capability)).collect();
    names.sort();
    names
}

/// `NET_RAW`
pub(crate) fn short(capability: Capability) -> String {
    let name = capability.to_string();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// By their numbers: the first to fail should be the same each time.
pub(crate) fn in_order<'a>(set: impl Iterator<Item = &'a Capability>) -> Vec<Capability> {
    let mut list: Vec<Capability> = set.copied().collect();
    list.sort_by_key(Capability::index);
    list
}

/// The sets that `wanted` asks for, of a program with that user id. `all` is what the word ALL stands for. Names that are
/// none count as absent: [`crate::spec::Spec::check`] reports them.
pub(crate) fn sets(wanted: &Capabilities, uid: u32, all: &CapsHashSet) -> Sets {
    let named = |names: &[String]| named(names, all);
    let kept: CapsHashSet = named(&wanted.keep).difference(&named(&wanted.drop)).copied().collect();
    let ambient = named(&wanted.ambient);
    // execve(2) gives the bounding set to user 0, and to any other user the ambient set alone.
    let gained = if uid == 0 { &kept } else { &ambient };
    let or = |names: &Option<Vec<String>>, otherwise: &CapsHashSet| match names {
        Some(names) => named(names),
        None => otherwise.clone(),
    };
    let permitted = or(&wanted.permitted, gained);
    Sets {
        bounding: or(&wanted.bounding, &kept),
        effective: or(&wanted.effective, &permitted),
        permitted,
        inheritable: named(&wanted.inheritable),
        ambient,
    }
}

fn named(names: &[String], all: &CapsHashSet) -> CapsHashSet {
    if names.iter().any(|name| name.eq_ignore_ascii_case(ALL)) {
        return all.clone();
    }
    names.iter().filter_map(|name| parse(name)).collect()
}

/// Why execve(2) cannot leave a program of that user id with these sets: the set's name and the rule. Empty if it can.
pub(crate) fn unreachable(sets: &Sets, uid: u32, no_new_privileges: bool) -> Vec<(&'static str, String)> {
    let mut reasons = Vec::new();
    let mut demand = |holds: bool, field, rule: &str| {
        if !holds {
            reasons.push((field, rule.to_owned()));
        }
    };
    let both: CapsHashSet = sets.permitted.intersection(&sets.inheritable).copied().collect();
    demand(
        sets.ambient.is_subset(&both),
        "ambient",
        "an ambient capability must be permitted and inheritable too",
    );
    demand(
        sets.inheritable.is_subset(&sets.bounding),
        "inheritable",
        "it must be a part of the bounding set",
    );
    if uid != 0 {
        demand(
            sets.permitted == sets.ambient,
            "permitted",
            "execve of a user other than 0 leaves the ambient set",
        );
        demand(
            sets.effective == sets.ambient,
            "effective",
            "execve of a user other than 0 leaves the ambient set",
        );
        return reasons;
    }
    let gained: CapsHashSet = sets.bounding.union(&sets.inheritable).copied().collect();
    demand(
        sets.effective == sets.permitted,
        "effective",
        "execve of user 0 makes it equal to the permitted set",
    );
    if no_new_privileges {
        demand(sets.permitted.is_subset(&gained), "permitted", "it must be a part of the bounding set");
    } else {
        let rule = "without no-new-privileges, execve of user 0 makes it equal to the bounding set";
        demand(sets.permitted == gained, "permitted", rule);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wanted: Capabilities, uid: u32) -> Sets {
        sets(&wanted, uid, &caps::all())
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_default_is_reachable_for_every_user() {
        for (uid, permitted) in [(0, 14), (1000, 0)] {
            for no_new_privileges in [true, false] {
                let sets = of(Capabilities::default(), uid);
                assert_eq!((sets.bounding.len(), sets.permitted.len()), (14, permitted));
                assert_eq!(unreachable(&sets, uid, no_new_privileges), []);
            }
        }
    }

    #[test]
    fn all_less_one() {
        let wanted =
            Capabilities { keep: list(&["all"]), drop: list(&["cap_sys_time"]), ..Default::default() };
        let sets = of(wanted, 0);
        assert_eq!(sets.permitted.len(), caps::all().len() - 1);
        assert!(!sets.permitted.contains(&Capability::CAP_SYS_TIME));
    }

    #[test]
    fn less_permitted_than_bounding_needs_no_new_privileges() {
        let sets = of(Capabilities { permitted: Some(list(&["CHOWN"])), ..Default::default() }, 0);
        assert_eq!(sets.effective.len(), 1);
        assert_eq!(unreachable(&sets, 0, true), []);
        assert_eq!(unreachable(&sets, 0, false)[0].0, "permitted");
    }

    #[test]
    fn another_user_has_what_is_ambient() {
        let ambient = list(&["NET_RAW"]);
        let wanted = Capabilities { inheritable: ambient.clone(), ambient, ..Default::default() };
        let sets = of(wanted, 1000);
        assert_eq!(sets.permitted.len(), 1);
        assert_eq!(unreachable(&sets, 1000, true), []);
        let lone = of(Capabilities { ambient: list(&["NET_RAW"]), ..Default::default() }, 1000);
        assert_eq!(unreachable(&lone, 1000, true)[0].0, "ambient");
    }
}
