//! SysV IPC by key. svipc(7)

use super::super::{Errno, Result};

/// The three kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shared memory, one page of it.
    Memory,
    /// A set of one semaphore.
    Semaphore,
    /// A message queue.
    Queue,
}

/// `EEXIST` if the namespace has an object of that key. The new one's id.
pub fn create(kind: Kind, key: i32) -> Result<i32> {
    get(kind, key, libc::IPC_CREAT | libc::IPC_EXCL | 0o666)
}

/// `ENOENT` if the namespace has no object of that key. Its id.
pub fn open(kind: Kind, key: i32) -> Result<i32> {
    get(kind, key, 0)
}

/// Makes one for this process alone, of mode 0. Its id.
pub fn create_private(kind: Kind) -> Result<i32> {
    get(kind, libc::IPC_PRIVATE, libc::IPC_CREAT)
}

fn get(kind: Kind, key: i32, flags: i32) -> Result<i32> {
    // An open must not ask for more than the object has: 0 always fits.
    let size = if flags & libc::IPC_CREAT == 0 { 0 } else { 1 };
    let id = match kind {
        // SAFETY: three numbers are passed, no pointer.
        Kind::Memory => unsafe { libc::shmget(key, size * 4096, flags) },
        // SAFETY: three numbers are passed, no pointer.
        Kind::Semaphore => unsafe { libc::semget(key, i32::from(size > 0), flags) },
        // SAFETY: two numbers are passed, no pointer.
        Kind::Queue => unsafe { libc::msgget(key, flags) },
    };
    Errno::result(id)
}

/// Removes an object by id. IPC_RMID
pub fn remove(kind: Kind, id: i32) -> Result<()> {
    let result = match kind {
        // SAFETY: IPC_RMID does not look at the pointer.
        Kind::Memory => unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) },
        // SAFETY: IPC_RMID takes no fourth argument.
        Kind::Semaphore => unsafe { libc::semctl(id, 0, libc::IPC_RMID) },
        // SAFETY: IPC_RMID does not look at the pointer.
        Kind::Queue => unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) },
    };
    Errno::result(result).map(drop)
}

/// Reads an object's state, which needs the right to read it. IPC_STAT
pub fn look_at(kind: Kind, id: i32) -> Result<()> {
    let result = match kind {
        Kind::Memory => {
            let mut state = std::mem::MaybeUninit::<libc::shmid_ds>::uninit();
            // SAFETY: the kernel writes one shmid_ds, for which there is room.
            unsafe { libc::shmctl(id, libc::IPC_STAT, state.as_mut_ptr()) }
        }
        Kind::Semaphore => {
            let mut state = std::mem::MaybeUninit::<libc::semid_ds>::uninit();
            // SAFETY: the kernel writes one semid_ds, for which there is room.
            unsafe { libc::semctl(id, 0, libc::IPC_STAT, state.as_mut_ptr()) }
        }
        Kind::Queue => {
            let mut state = std::mem::MaybeUninit::<libc::msqid_ds>::uninit();
            // SAFETY: the kernel writes one msqid_ds, for which there is room.
            unsafe { libc::msgctl(id, libc::IPC_STAT, state.as_mut_ptr()) }
        }
    };
    Errno::result(result).map(drop)
}
