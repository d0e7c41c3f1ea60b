//! SysV IPC.

use sys::probe::ipc::{self, Kind};

use super::{Done, done};
use protocol::operation::Ipc;

pub(super) fn perform(kind: Kind, what: Ipc) -> Done {
    match what {
        Ipc::Create(key) => Ok(ipc::create(kind, key)?.into()),
        Ipc::Open(key) => Ok(ipc::open(kind, key)?.into()),
        Ipc::Remove(key) => done(ipc::remove(kind, ipc::open(kind, key)?)),
    }
}
