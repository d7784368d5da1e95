//! `shim.c`, compiled, and programs run under it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Compiles it, once. `None` where that cannot be done.
fn compiled() -> Option<&'static Path> {
    static COMPILED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power/shim.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        // Under a name of its own until it is whole: another test may be using the one that is there.
        let made = library.with_extension(std::process::id().to_string());
        let compiler = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-pthread", source, "-o"])
            .arg(&made)
            .status();
        if !compiler.is_ok_and(|status| status.success()) {
            return None;
        }
        std::fs::rename(made, &library).unwrap();
        Some(library)
    };
    let works = cfg!(all(target_os = "linux", target_pointer_width = "64", not(target_env = "musl")));
    COMPILED.get_or_init(|| if works { compile() } else { None }).as_deref()
}

/// This test again, as a process of its own under the shim.
pub(crate) fn under_shim(test: &str, file: &Path) -> Option<Command> {
    // Said aloud; with `CI=true` it is a failure.
    let Some(library) = compiled() else {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "{test} needs a C compiler named cc, on 64-bit Linux with glibc");
        // Not by a macro, which a passing test shows to nobody.
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: {test} (no C compiler named cc, or not 64-bit Linux with glibc)"
        );
        return None;
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env("LD_PRELOAD", library).env("SHIM_FILE", file);
    Some(command)
}

/// Whether this process is under it.
pub(crate) fn is_under_shim() -> bool {
    std::env::var_os("SHIM_FILE").is_some()
}

/// What the shim is to do wrong: the file of `struct rules`.
#[derive(Debug)]
pub(crate) struct Rules(File);

/// The numbers of the system's errors.
pub(crate) const EIO: i32 = 5;
pub(crate) const EACCES: i32 = 13;
pub(crate) const ENOSPC: i32 = 28;

/// Calls of one kind that can be made to fail, by where their rule is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Write = 8,
    Sync = 24,
    Open = 40,
}

/// On which files, as bits.
pub(crate) const DATABASE: i32 = 1 << 1;
pub(crate) const WAL: i32 = 1 << 2;
pub(crate) const JOURNAL: i32 = 1 << 3;

const HALF: u64 = 56;
const FAILED: u64 = 60;
const SIZE: usize = 64;

impl Rules {
    /// None fails yet, and the clock is right.
    pub(crate) fn make(path: &Path) -> Self {
        std::fs::write(path, [0_u8; SIZE]).unwrap();
        Self::open(path)
    }

    pub(crate) fn open(path: &Path) -> Self {
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    /// Those of this process.
    pub(crate) fn here() -> Self {
        Self::open(Path::new(&std::env::var_os("SHIM_RULES").unwrap()))
    }

    /// Sets the wall clock, of the processes under these rules, so many seconds ahead.
    pub(crate) fn set_wall(&self, seconds: i64) {
        self.0.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// After `skip` calls, `count` fail; all, if negative.
    pub(crate) fn fail(&self, call: Call, error: i32, on: i32, skip: i32, count: i32) {
        let at = call as u64;
        // The error last: without it the rule is none.
        self.0.write_all_at(&0_i32.to_ne_bytes(), at).unwrap();
        for (place, value) in [(4, on), (8, skip), (12, count), (0, error)] {
            self.0.write_all_at(&i32::to_ne_bytes(value), at + place).unwrap();
        }
    }

    /// The first write that fails from now on is half done.
    pub(crate) fn tear(&self) {
        self.0.write_all_at(&1_i32.to_ne_bytes(), HALF).unwrap();
    }

    /// Everything works again. How many calls have failed until now.
    pub(crate) fn clear(&self) -> i32 {
        for call in [Call::Write, Call::Sync, Call::Open] {
            self.0.write_all_at(&0_i32.to_ne_bytes(), call as u64).unwrap();
        }
        self.0.write_all_at(&0_i32.to_ne_bytes(), HALF).unwrap();
        let mut failed = [0; 4];
        self.0.read_exact_at(&mut failed, FAILED).unwrap();
        i32::from_ne_bytes(failed)
    }
}
