//! Where the files of a run are, and what the machine says of itself.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A folder beside this program, so on the disk that it was built on; removed with everything in it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let program = env::current_exe().expect("this program");
        let path = program.with_file_name(format!("sqlite-run-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder beside this program");
        Self(path)
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The kind of file system it is on, as Linux names it.
    #[must_use]
    pub fn file_system(&self) -> String {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        // Device, where, kind, options; the innermost place that the folder is in, and the latest mount there.
        let places = mounts.lines().filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        });
        let around = places.filter(|(place, _)| self.0.starts_with(Path::new(place)));
        around.max_by_key(|(place, _)| place.len()).map_or("unknown", |(_, kind)| kind).to_owned()
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How many processes wanted a core in the last minute, and how many cores there are: `1.7 on 2 cores`.
#[must_use]
pub fn machine_load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} on {cores} cores", load.split(' ').next().unwrap_or("?"))
}

/// How much memory this process has, in MiB. Not a number where the system is not Linux.
#[must_use]
pub fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// CPU time that the threads of this process have used, in nanoseconds: those that commit for a ledger, and all. Threads
/// that have ended are not counted.
#[must_use]
pub fn cpu_nanos() -> (f64, f64) {
    let (mut committing, mut all) = (0.0, 0.0);
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for folder in tasks.map(|task| task.path()) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let nanos = read("schedstat").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
        all += nanos;
        if read("comm").starts_with("ledger-commit") {
            committing += nanos;
        }
    }
    (committing, all)
}
