//! The socket on which MTAs connect.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, UnixAddr, accept4,
    bind, listen, setsockopt, socket, sockopt,
};
use nix::unistd::geteuid;

use crate::spec::Address;

/// A listening socket. When it is dropped, the file of a unix socket goes with it, unless root made it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    path: Option<PathBuf>,
}

impl Listener {
    /// Listens on an address. `removes_old`: a file of an earlier unix socket is deleted first.
    pub(crate) fn open(address: &Address, backlog: i32, removes_old: bool) -> io::Result<Self> {
        let (family, bound): (_, Box<dyn SockaddrLike>) = match address {
            // Without a name libmilter listens on the abstract socket whose name is NULs.
            Address::Unix(path) if path.as_os_str().is_empty() => {
                (AddressFamily::Unix, Box::new(UnixAddr::new_abstract(&[0; 107])?))
            }
            Address::Unix(path) => (AddressFamily::Unix, Box::new(UnixAddr::new(path)?)),
            Address::Tcp(SocketAddr::V4(v4)) => (AddressFamily::Inet, Box::new(SockaddrIn::from(*v4))),
            Address::Tcp(SocketAddr::V6(v6)) => (AddressFamily::Inet6, Box::new(SockaddrIn6::from(*v6))),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(family, SockType::Stream, flags, None)?;
        let path = match address {
            Address::Unix(path) => {
                if removes_old {
                    remove_socket(path)?;
                }
                Some(path.clone())
            }
            Address::Tcp(_) => {
                setsockopt(&socket, sockopt::ReuseAddr, &true)?;
                None
            }
        };
        bind(socket.as_raw_fd(), &*bound)?;
        // From here on the file is ours to delete.
        let listener = Self { socket, path };
        listen(&listener.socket, Backlog::new(backlog).unwrap_or(Backlog::MAXCONN))?;
        Ok(listener)
    }

    /// Accepts a connection, if there is one.
    pub(crate) fn accept(&self) -> nix::Result<OwnedFd> {
        let socket = accept4(&self.socket, SockFlag::SOCK_CLOEXEC)?;
        // A host that vanished is noticed in the end.
        let _ = setsockopt(&socket, sockopt::KeepAlive, &true);
        Ok(socket)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // As in libmilter: what root made, root deletes.
        if let Some(path) = self.path.as_deref().filter(|_| !geteuid().is_root()) {
            let _ = remove_socket(path);
        }
    }
}

/// Deletes the file of a socket, and nothing else. It is no error if there is none.
fn remove_socket(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Ok(_) => fs::remove_file(path),
    }
}
