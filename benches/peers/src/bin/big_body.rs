//! An MTA that sends one message with a huge body, a chunk at a time, and says how much memory it had
//! at most, in KiB: `big_body PATH BYTES`.

use std::env;
use std::io;
use std::path::Path;

use milter_proto::wire::Command;
use milter_proto_benches::workloads::typical;
use milter_proto_peers::mta::Mta;
use milter_proto_peers::process::size_of;

fn main() -> io::Result<()> {
    let arguments = env::args().collect::<Vec<_>>();
    let [_, path, bytes] = &arguments[..] else { panic!("usage: big_body PATH BYTES") };
    let bytes: usize = bytes.parse().expect("a number of bytes");
    let chunk: &'static [u8] = vec![b'x'; 65_535].leak();

    let mut commands = typical().commands;
    let is_body = |command: &Command<'_>| matches!(command, Command::Body { .. });
    let place = commands.iter().position(is_body).expect("a body");
    let chunks = [chunk].into_iter().cycle().take(bytes.div_ceil(chunk.len()));
    commands.splice(place..=place, chunks.map(|chunk| Command::Body { chunk }));

    Mta::connect(Path::new(path), &commands)?.play()?;
    println!("{}", size_of(Path::new("/proc/self/status"), "VmHWM")?);
    Ok(())
}
