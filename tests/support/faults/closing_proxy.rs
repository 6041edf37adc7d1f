//! A way to a server that ends, as a Service's does when it is removed: who is connected stays so.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

/// Passes TCP connections on to a server. It holds how many more it lets through; `None` is any number.
#[derive(Clone)]
pub(crate) struct ClosingProxy(Arc<Mutex<Option<u32>>>);

impl ClosingProxy {
    /// A gate at this address (`HOST:PORT`) to a server (`HOST:PORT`).
    pub(crate) fn open(at: &str, server: &str) -> Self {
        let gate = Self(Arc::new(Mutex::new(None)));
        let listener = TcpListener::bind(at).expect("the port is free");
        let (keeper, server) = (gate.clone(), server.to_owned());
        spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                keeper.with(|left| *left = left.map(|left| left.saturating_sub(1)));
                pass(&client, &server);
                if keeper.is_closed() {
                    break;
                }
            }
        });
        gate
    }

    /// Lets so many connections more through; then nobody listens there any more.
    pub(crate) fn close_after(&self, connections: u32) {
        self.with(|left| *left = Some(connections));
    }

    /// Whether it has let through all that it was to.
    pub(crate) fn is_closed(&self) -> bool {
        self.with(|left| *left == Some(0))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Option<u32>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Passes on what both sides say, until both have ended.
fn pass(client: &TcpStream, server: &str) {
    let Ok(server) = TcpStream::connect(server) else { return };
    for (from, to) in [(client, &server), (&server, client)] {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
        spawn(move || {
            // Either side may end it at any time.
            drop(copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Write));
        });
    }
}
