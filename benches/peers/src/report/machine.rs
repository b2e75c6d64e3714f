//! What was measured, and on what.

use std::fs;
use std::process::Command;

use super::table::Table;

/// The machine, the day, and the versions.
pub struct Machine {
    rows: Vec<(&'static str, String)>,
}

impl Machine {
    /// Asks the system.
    pub fn of_today() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
        let package = |name: &str| output("dpkg-query", &["-W", "-f", "${Version}", name]);
        let locked = |name: &str| {
            let lock = include_str!("../../Cargo.lock");
            let line = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, rest)| rest);
            line.and_then(|rest| rest.split_once('"'))
                .map(|(version, _)| version.to_owned())
                .unwrap_or_default()
        };
        let commit = output("git", &["describe", "--always", "--dirty", "--exclude=*"]);
        let rows = vec![
            ("date", output("date", &["-u", "+%Y-%m-%d"])),
            ("milter-proto", format!("{}, commit {commit}", locked("milter-proto"))),
            ("processor", format!("{cores} x {}", field("model name"))),
            ("system", format!("{}, Linux {}", debian(), output("uname", &["-r"]))),
            ("rustc", output("rustc", &["--version"])),
            ("tokio", locked("tokio")),
            (
                "miltr",
                format!("miltr-common {}, miltr-server {}", locked("miltr-common"), locked("miltr-server")),
            ),
            ("indymilter", locked("indymilter")),
            ("libmilter", package("libmilter-dev")),
            ("go-milter", {
                let go = output("go", &["version"]);
                format!("{}, {go}", package("golang-github-emersion-go-milter-dev"))
            }),
            ("valgrind, strace", format!("{}, {}", package("valgrind"), package("strace"))),
        ];
        Self { rows }
    }

    /// A table.
    pub fn to_markdown(&self) -> String {
        let mut table = Table::new(["what", "version"]);
        self.rows.iter().for_each(|(what, version)| table.row([(*what).to_owned(), version.clone()]));
        table.to_markdown()
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn debian() -> String {
    let version = fs::read_to_string("/etc/debian_version").unwrap_or_default();
    format!("Debian {}", version.trim())
}
