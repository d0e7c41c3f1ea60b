//! The place where containers are started: network and mounts of its own, so that the machine's stay as they are.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use runtime::spec::{Capabilities, MASKED, Namespace, READ_ONLY};
use serde_json::{Value, json};
use sys::{Errno, mount, namespace};

use super::program;

/// The program, as a container sees it.
pub(super) const PROGRAM: &str = "/bin/hello";
const HOSTNAME: &str = "mycontainer";

/// Folders and files on a tmpfs that only the thread which set it up, and its children, can see.
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Takes this thread away from the machine's network and mounts. It must be a thread of its own, and end afterwards.
    pub(super) fn set(folder: &Path) -> io::Result<Self> {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        for kind in [Namespace::Net, Namespace::Mount] {
            namespace::unshare(kind).map_err(os)?;
        }
        let private = mount::propagation("rprivate").expect("a word of mount(8)");
        mount::propagate(Path::new("/"), private).map_err(os)?;
        mount::filesystem("tmpfs", "tmpfs", folder, mount::Flags::empty(), "mode=755").map_err(os)?;
        unify_cgroups();
        let stage = Stage { folder: folder.to_owned() };
        stage.fill()?;
        Ok(stage)
    }

    /// The folder with what OCI runtimes want; its root file system also serves as skeleton.
    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.join("bundle")
    }

    /// A small root file system.
    pub(super) fn root(&self) -> PathBuf {
        self.bundle().join("root")
    }

    /// Where a runtime may keep what it knows.
    pub(super) fn state(&self, of: &str) -> OsString {
        self.folder.join(of).into()
    }

    fn fill(&self) -> io::Result<()> {
        let root = self.root();
        for folder in ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "var"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("etc/hostname"), format!("{HOSTNAME}\n"))?;
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
        let path = root.join(PROGRAM.trim_start_matches('/'));
        fs::write(&path, program::elf())?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        fs::write(self.bundle().join("config.json"), config().to_string())
    }
}

/// Shows version 2 of the cgroups in place of a mixture, which crun refuses. Where that cannot be, crun says so in its row.
fn unify_cgroups() {
    let cgroups = Path::new("/sys/fs/cgroup");
    if !cgroups.join("cgroup.controllers").exists() {
        let _ = mount::filesystem("cgroup2", "cgroup2", cgroups, mount::Flags::empty(), "");
    }
}

/// The container of `nsrun`'s flags as the OCI runtime specification writes it, but for the link: there is none in it.
fn config() -> Value {
    let capabilities: Vec<String> =
        Capabilities::default().keep.iter().map(|name| format!("CAP_{name}")).collect();
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({"type": kind}));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": [PROGRAM],
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
            },
            "noNewPrivileges": true,
        },
        "root": {"path": "root"},
        "hostname": HOSTNAME,
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": namespaces, "maskedPaths": MASKED, "readonlyPaths": READ_ONLY},
    })
}

/// Flags of `nsrun run` for the same container on a tmpfs, with the link if it is to have one.
pub(super) fn flags(stage: &Stage, linked: bool) -> Vec<OsString> {
    let link: &[&str] = &["--veth", "mybr0:192.168.47.11/24=mybr1:192.168.47.12/24"];
    let mut flags: Vec<OsString> = ["run", "--all", "--hostname", HOSTNAME].map(Into::into).into();
    flags.extend(["--loopback", "--proc", "--tmpfs", "50M", "--skeleton"].map(Into::into));
    flags.push(stage.root().into());
    flags.extend(link.iter().filter(|_| linked).map(Into::into));
    flags.extend(["--", PROGRAM].map(Into::into));
    flags
}
