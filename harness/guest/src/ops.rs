//! What a probe does for a step: one small function an operation.

mod exercise;
mod files;
mod identity;
mod ipc;
mod joins;
mod mounts;
mod namespaces;
mod net;
mod process;
mod program;

pub(super) use exercise::{cannot_exercise, needs_other_user};
pub(super) use program::{ARGUMENT as WHO, introduce};

use std::net::TcpListener;

use serde_json::Value;
use sys::probe::ipc::Kind;
use sys::{self};

use super::order::OtherUser;
pub(super) use super::refusal::{Done, Refusal, outcome};
use protocol::operation::Operation;

/// What stays from step to step beside what the kernel keeps for the process.
#[derive(Debug, Default)]
pub(super) struct State {
    listeners: Vec<TcpListener>,
    /// Of `watch-joins`, until `joins`.
    watch: Option<joins::Watch>,
    /// Of the operation that is performed: a process of another user.
    pub(super) other_user: Option<OtherUser>,
}

/// Performs one operation in this process.
pub(super) fn perform(operation: &Operation, state: &mut State) -> Done {
    use Operation as Op;
    match operation {
        Op::Hostname => identity::hostname(),
        Op::Domainname => identity::domainname(),
        Op::Process => identity::process(),
        Op::Pids => identity::pids(),
        Op::Status(subject) => identity::status(subject),
        Op::Namespaces(subject) => namespaces::inodes(subject),
        Op::Interfaces => net::interfaces(),
        Op::Routes => net::routes(),
        Op::Mounts => mounts::list(),
        Op::Capabilities => identity::capabilities(),
        Op::Rlimits => identity::rlimits(),
        Op::Fds => identity::descriptors(),
        Op::Cgroup => identity::cgroup(),
        Op::ListDir(path) => files::list(path),
        Op::Tree(path) => files::tree(path),
        Op::Stat(path) => files::stat(path),
        Op::Read(path) => files::read(path),
        Op::Filesystem(path) => files::filesystem(path),
        Op::SetHostname(name) => done(sys::namespace::set_hostname(name)),
        Op::SetDomainname(name) => done(sys::namespace::set_domainname(name)),
        Op::Write(file) => files::write(file),
        Op::Fill(fill) => files::fill(fill),
        Op::Mkdir(path) => done(std::fs::create_dir_all(path)),
        Op::Remove(path) => files::remove(path),
        Op::Mknod(node) => files::make_node(node),
        Op::Mount(mount) => mounts::mount(mount),
        Op::Umount(path) => done(sys::mount::detach(path)),
        Op::Chroot(path) => done(sys::mount::chroot(path)),
        Op::EscapeChroot => mounts::escape_chroot(),
        Op::Chdir(path) => done(std::env::set_current_dir(path)),
        Op::Install(program) => program::install(program),
        Op::Execute(path) => program::execute(path),
        Op::Unshare(kinds) => namespaces::unshare(kinds),
        Op::Setns(target) => namespaces::join(target),
        Op::Ping(address) => net::ping(address),
        Op::Connect(address) => net::connect(address),
        Op::Listen(address) => net::listen(address, &mut state.listeners),
        Op::Shm(what) => ipc::perform(Kind::Memory, *what),
        Op::Sem(what) => ipc::perform(Kind::Semaphore, *what),
        Op::Msg(what) => ipc::perform(Kind::Queue, *what),
        Op::Kill(kill) => process::kill(kill),
        Op::Orphan => process::orphan(),
        Op::WatchJoins => {
            state.watch = Some(joins::watch()?);
            Ok(Value::Null)
        }
        Op::Joins => match state.watch.take() {
            Some(watch) => watch.end(),
            None => Err(Refusal::Broken("nothing is watched: `watch-joins` comes before `joins`".into())),
        },
        Op::AddDummy(name) => net::add_dummy(name),
        Op::RemoveLink(name) => net::remove_link(name),
        Op::SetLink(link) => net::set_link(link),
        Op::AddAddress(address) => net::add_address(address),
        Op::Exercise(capability) => exercise::perform(capability, state.other_user.as_ref()),
        Op::Syscall(call) => process::syscall(call),
        Op::Start(_) | Op::Stop(_) => {
            Err(Refusal::Broken("only the host starts and stops containers".into()))
        }
    }
}

/// An action that gives nothing but its success.
fn done<E>(result: Result<(), E>) -> Done
where
    Refusal: From<E>,
{
    result.map(|()| Value::Null).map_err(Refusal::from)
}
