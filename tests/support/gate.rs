//! A way to a server that ends, as a Service's does when it is removed: who is connected stays so.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

/// Passes TCP connections on to a server.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Mutex<State>>);

struct State {
    server: String,
    /// How many more connections are let through; `None` is any number.
    left: Option<u32>,
    let_through: u32,
}

impl Gate {
    /// A gate at this address (`HOST:PORT`) to a server (`HOST:PORT`).
    pub(crate) fn open(at: &str, server: &str) -> Self {
        let gate = Self(Arc::new(Mutex::new(State { server: server.to_owned(), left: None, let_through: 0 })));
        gate.listen(at);
        gate
    }

    /// Lets so many connections more through; then nobody listens there any more.
    pub(crate) fn close_after(&self, connections: u32) {
        self.with(|state| (state.left, state.let_through) = (Some(connections), 0));
    }

    /// How many connections it let through since [`Gate::close_after`].
    pub(crate) fn let_through(&self) -> u32 {
        self.with(|state| state.let_through)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn listen(&self, at: &str) {
        let listener = TcpListener::bind(at).expect("the port is free");
        let gate = self.clone();
        spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let (server, last) = gate.with(|state| {
                    state.let_through += 1;
                    state.left = state.left.map(|left| left.saturating_sub(1));
                    (state.server.clone(), state.left == Some(0))
                });
                pass(&client, &server);
                if last {
                    break;
                }
            }
        });
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
