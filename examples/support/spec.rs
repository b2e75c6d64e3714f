//! Addresses of sockets in Sendmail's notation, and the sockets.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;
use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SocketAddrUnix, SocketType};
use thiserror::Error;

/// The shortest timeout of a socket: for the system, zero means no timeout.
const SHORTEST: Duration = Duration::from_millis(1);
/// How long to wait before connecting again to a socket whose backlog is full.
pub(crate) const RETRY: Duration = Duration::from_millis(20);

/// `inet:PORT@HOST`, `inet6:PORT@HOST` or `unix:PATH` (`local:PATH` is the same). Without `@HOST`, an address of loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    Inet { port: u16, host: String },
    Inet6 { port: u16, host: String },
    Unix(PathBuf),
}

impl Spec {
    /// Any free port on loopback.
    pub(crate) const LOOPBACK: Self = Self::Inet { port: 0, host: String::new() };

    /// Connects. The limit applies to each address of the host.
    pub(crate) fn connect(&self, limit: Duration) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => connect_unix(path, limit).map(Socket::Unix),
            Self::Inet { .. } | Self::Inet6 { .. } => {
                let mut last =
                    io::Error::new(io::ErrorKind::NotFound, "the host has no address of this family");
                for address in self.addresses()? {
                    match TcpStream::connect_timeout(&address, limit) {
                        Ok(stream) => return Socket::tcp(stream),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    pub(crate) fn listen(&self) -> io::Result<Listening> {
        Ok(match self {
            Self::Unix(path) => {
                // Removes a socket that no process listens on any more, and nothing else.
                if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
                    && try_unix(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
                {
                    fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                Listening::Unix(listener, Place { path: path.clone(), file: file(path)? })
            }
            Self::Inet { .. } | Self::Inet6 { .. } => Listening::Tcp(TcpListener::bind(&*self.addresses()?)?),
        })
    }

    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let addresses = match self {
            Self::Inet { port, host } if host.is_empty() => {
                return Ok(vec![(Ipv4Addr::LOCALHOST, *port).into()]);
            }
            Self::Inet6 { port, host } if host.is_empty() => {
                return Ok(vec![(Ipv6Addr::LOCALHOST, *port).into()]);
            }
            Self::Inet { port, host } | Self::Inet6 { port, host } => {
                (host.as_str(), *port).to_socket_addrs()?
            }
            Self::Unix(_) => return Ok(Vec::new()),
        };
        let is_six = matches!(self, Self::Inet6 { .. });
        Ok(addresses.filter(|address| address.is_ipv6() == is_six).collect())
    }
}

/// Connects to a socket at a path. `UnixStream::connect` would wait without limit while its backlog is full.
fn connect_unix(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match try_unix(path) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if begun.elapsed() >= limit => return Err(io::ErrorKind::TimedOut.into()),
            Err(_) => thread::sleep(RETRY.min(limit)),
            Ok(stream) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
        }
    }
}

/// Connects without waiting. `WouldBlock`: a process listens there, but its backlog is full.
fn try_unix(path: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let stream = UnixStream::from(net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?);
    stream.set_nonblocking(true)?;
    net::connect(&stream, &address)?;
    Ok(stream)
}

/// Reads what has arrived, without waiting. `None`: nothing has.
pub(crate) fn read_now(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match net::recv(socket, buffer, RecvFlags::DONTWAIT) {
        Ok((_, count)) => Ok(Some(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl FromStr for Spec {
    type Err = BadSpec;

    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let family = || BadSpec::Family(Meant::of(text));
        let (name, rest) = text.split_once(':').ok_or_else(family)?;
        if matches!(name, "unix" | "local") {
            return if rest.is_empty() { Err(BadSpec::Path) } else { Ok(Self::Unix(rest.into())) };
        }
        if !matches!(name, "inet" | "inet6") {
            return Err(family());
        }
        let (port, host) = rest.split_once('@').unwrap_or((rest, ""));
        let port = port.parse().map_err(|_| BadSpec::Port(Meant::of(rest)))?;
        let host = without_brackets(host).to_owned();
        Ok(if name == "inet6" { Self::Inet6 { port, host } } else { Self::Inet { port, host } })
    }
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |host: &str| if host.is_empty() { String::new() } else { format!("@{host}") };
        match self {
            Self::Inet { port, host: name } => write!(f, "inet:{port}{}", host(name)),
            Self::Inet6 { port, host: name } => write!(f, "inet6:{port}{}", host(name)),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why a SPEC is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum BadSpec {
    #[error("expected inet:PORT@HOST, inet6:PORT@HOST or unix:PATH (local:PATH is the same){0}")]
    Family(Meant),
    #[error("the port must be a number from 0 to 65535, as in inet:8891@localhost{0}")]
    Port(Meant),
    #[error("unix: must be followed by a path")]
    Path,
}

/// What the user probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meant(Option<Spec>);

impl Meant {
    /// Recognises the usual notations of other programs: `HOST:PORT`, `PORT@HOST`, `HOST@PORT`, `PORT` and a path.
    fn of(text: &str) -> Self {
        let inet = |port: &str, host: &str| {
            let (port, host) = (port.parse().ok()?, without_brackets(host));
            if host.contains('/') || (host.contains(':') && host.parse::<Ipv6Addr>().is_err()) {
                return None;
            }
            let (is_six, host) = (host.contains(':'), host.to_owned());
            Some(if is_six { Spec::Inet6 { port, host } } else { Spec::Inet { port, host } })
        };
        let path = text.split_once(':').map_or(text, |(_, rest)| rest);
        Self(if path.starts_with('/') && !path.starts_with("//") {
            Some(Spec::Unix(path.into()))
        } else if let Some((one, other)) = text.split_once('@') {
            inet(one, other).or_else(|| inet(other, one))
        } else if let Some((host, port)) = text.rsplit_once(':') {
            inet(port, host)
        } else {
            inet(text, "")
        })
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |spec| write!(f, "; did you mean {spec}?"))
    }
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener, Place),
}

/// The file of a socket: its path, and its identity.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    file: (u64, u64),
}

/// Device and inode of the file at a path.
fn file(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Listening {
    /// A second handle. When it is shut down, `accept` returns, usually with an error.
    pub(crate) fn waker(&self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(listener) => Socket::Tcp(OwnedFd::from(listener.try_clone()?).into()),
            Self::Unix(listener, _) => Socket::Unix(OwnedFd::from(listener.try_clone()?).into()),
        })
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| Socket::tcp(stream)),
            Self::Unix(listener, _) => listener.accept().map(|(stream, _)| Socket::Unix(stream)),
        }
    }

    /// Its address, with the port that the system chose.
    pub(crate) fn spec(&self) -> Spec {
        match self {
            Self::Unix(_, place) => Spec::Unix(place.path.clone()),
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) if address.is_ipv6() => {
                    Spec::Inet6 { port: address.port(), host: address.ip().to_string() }
                }
                Ok(address) => Spec::Inet { port: address.port(), host: address.ip().to_string() },
                Err(_) => Spec::LOOPBACK,
            },
        }
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The file may have been replaced by another process that listens there now.
        if let Self::Unix(_, place) = self {
            if file(&place.path).is_ok_and(|found| found == place.file) {
                let _ = fs::remove_file(&place.path);
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Each write is a whole turn, so nothing is gained by delaying it.
    fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Sets the timeout of reads.
    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout.max(SHORTEST));
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            Self::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Sets the timeout of writes.
    pub(crate) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout.max(SHORTEST));
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(timeout),
            Self::Unix(stream) => stream.set_write_timeout(timeout),
        }
    }

    /// Reads once, and again if a signal interrupts it.
    pub(crate) fn read_once(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut socket = self;
        loop {
            match socket.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&*stream).read(buffer),
            Socket::Unix(stream) => (&*stream).read(buffer),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&*stream).write(bytes),
            Socket::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // Most turns are one piece, which is cheaper to write this way.
        if let [piece] = pieces {
            return self.write(piece);
        }
        match self {
            Socket::Tcp(stream) => (&*stream).write_vectored(pieces),
            Socket::Unix(stream) => (&*stream).write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
