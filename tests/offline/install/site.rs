//! A web server on loopback that answers as it is told, with TLS of an authority of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crate::server;

/// What is answered for a path.
pub(crate) type Answer = Box<dyn Fn(&str) -> Reply + Send + Sync>;

/// An HTTP answer.
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
    /// How much of the body is sent before the connection ends.
    pub(crate) sent: usize,
}

impl Reply {
    pub(crate) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, location: None, sent: body.len(), body }
    }

    /// A file of a folder.
    pub(crate) fn file(folder: &Path, path: &str) -> Self {
        match fs::read(folder.join(path.trim_start_matches('/'))) {
            Ok(bytes) => Self::new("200 OK", bytes),
            Err(_) => Self::new("404 Not Found", "<html><title>404</title>It is not here.</html>"),
        }
    }
}

/// The server; its threads end with the tests.
pub(crate) struct Site {
    pub(crate) port: u16,
    /// The file of its authority.
    pub(crate) authority: PathBuf,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Serves with TLS, or plainly.
    pub(crate) fn new(tls: bool, answer: Answer) -> Self {
        let (config, authority) = server::server();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        fs::write(&file, authority).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                // A client that hangs up early is no failure of the server.
                if tls {
                    let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                    drop(serve(&mut rustls::StreamOwned::new(connection, stream), &answer));
                } else {
                    drop(serve(&mut { stream }, &answer));
                }
            }
        });
        Self { port, authority: file, _folder: folder }
    }
}

trait Connection: std::io::Read + std::io::Write {}
impl Connection for TcpStream {}
impl Connection for rustls::StreamOwned<rustls::ServerConnection, TcpStream> {}

fn serve(stream: &mut impl Connection, answer: &Answer) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&bytes[..count]),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let reply = answer(request.split(' ').nth(1).unwrap_or_default());
    let location = reply.location.map(|to| format!("Location: {to}\r\n")).unwrap_or_default();
    let length = reply.body.len();
    write!(stream, "HTTP/1.1 {}\r\n{location}Content-Length: {length}\r\nConnection: close\r\n\r\n", reply.status)?;
    stream.write_all(&reply.body[..reply.sent])?;
    stream.flush()
}
