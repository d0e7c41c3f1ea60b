//! A socket and a small executor for rtnetlink. What is at hand (tokio, smol) waits by epoll(7), which a kernel may lack
//! (CONFIG_EPOLL); poll(2) is in every one, and here one conversation at a time is had.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::BufMut;
use netlink_sys::{AsyncSocket, Socket, SocketAddr};
use rtnetlink::Handle;

/// The kernel answers within the system call that asks (netlink_rcv_skb in net/netlink/af_netlink.c), or while its lists are
/// read: one that does not for so long does not answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Has something asked of the kernel by a netlink socket, and serves the socket until that is done. `ETIMEDOUT` if the kernel
/// does not answer.
pub(super) fn converse<F: Future>(ask: impl FnOnce(Handle) -> F) -> io::Result<F::Output> {
    let (mut connection, handle, _unasked) = rtnetlink::new_connection_with_socket::<Polled>()?;
    let mut asked = pin!(ask(handle));
    let progress = Arc::new(Progress::default());
    let waker = Waker::from(progress.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = asked.as_mut().poll(&mut context) {
            return Ok(done);
        }
        // It ends with its handle, which `asked` has.
        let _served = pin!(&mut connection).poll(&mut context);
        let moved = progress.0.swap(false, Ordering::Relaxed);
        if !moved && !sys::socket::is_readable_within(&connection.socket_mut().0, TIMEOUT)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// Whether one of the two gave the other something to do.
#[derive(Default)]
struct Progress(AtomicBool);

impl Wake for Progress {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A socket that never waits, and wakes nobody: [`converse`] looks when it can be read.
struct Polled(Socket);

fn unless_it_would_block<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}

impl AsyncSocket for Polled {
    fn socket_ref(&self) -> &Socket {
        &self.0
    }

    fn socket_mut(&mut self) -> &mut Socket {
        &mut self.0
    }

    fn new(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        socket.set_non_blocking(true)?;
        Ok(Polled(socket))
    }

    fn poll_send(&self, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        unless_it_would_block(self.0.send(buf, 0))
    }

    fn poll_send_to(&self, _: &mut Context<'_>, buf: &[u8], to: &SocketAddr) -> Poll<io::Result<usize>> {
        unless_it_would_block(self.0.send_to(buf, to, 0))
    }

    fn poll_recv<B: BufMut>(&self, _: &mut Context<'_>, buf: &mut B) -> Poll<io::Result<()>> {
        unless_it_would_block(self.0.recv(buf, 0).map(drop))
    }

    fn poll_recv_from<B: BufMut>(&self, _: &mut Context<'_>, buf: &mut B) -> Poll<io::Result<SocketAddr>> {
        unless_it_would_block(self.0.recv_from(buf, 0).map(|(_, from)| from))
    }

    fn poll_recv_from_full(&self, _: &mut Context<'_>) -> Poll<io::Result<(Vec<u8>, SocketAddr)>> {
        unless_it_would_block(self.0.recv_from_full())
    }
}
