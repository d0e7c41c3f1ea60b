//! Names of sysctls, and whose they are.

use crate::spec::Namespace;

/// The kind of namespace that has a sysctl of its own. sysctl/kernel.rst, sysctl/net.rst and sysctl/fs.rst of the kernel's
/// documentation, namespaces(7)
pub(super) fn owner(name: &str) -> Option<Namespace> {
    let name = name.replace('/', ".");
    let (folder, rest) = name.split_once('.')?;
    match (folder, rest) {
        ("net", _) => Some(Namespace::Net),
        ("user", _) => Some(Namespace::User),
        ("fs", rest) if rest.starts_with("mqueue.") => Some(Namespace::Ipc),
        ("kernel", "hostname" | "domainname") => Some(Namespace::Uts),
        ("kernel", "ns_last_pid") | ("vm", "memfd_noexec") => Some(Namespace::Pid),
        ("kernel", "sem" | "auto_msgmni") => Some(Namespace::Ipc),
        ("kernel", rest)
            if rest.starts_with("shm") || rest.starts_with("msg") || rest.starts_with("sem_") =>
        {
            Some(Namespace::Ipc)
        }
        _ => None,
    }
}

/// Whether a text is one, with dots or slashes.
pub(super) fn is_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split(['.', '/']).collect();
    parts.len() > 1 && parts.iter().all(|part| !part.is_empty())
}
