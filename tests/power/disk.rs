//! A disk, as far as a program can rely on it: what may be on it when the power goes.
//!
//! What is assumed, and no more:
//! * What was written to a file before a sync of it that succeeded is there, its length too. Of what was written after, each piece
//!   of 4096 or of 512 bytes is there or not, each by itself, whatever the order was; each change of length too. A
//!   write changes nothing beside what it writes ("powersafe overwrite", as SQLite assumes).
//! * Where a file became longer and what was written there is not on the disk, there are zeros, or anything.
//! * That a file was made or removed is certain once its folder was synced. Until then of those changes of one name some
//!   first ones are there. (File systems that do more, such as ext4, which keeps a new file's name when the file is synced, leave
//!   fewer possibilities.)
//! * A sync that failed is no sync: each piece written before may be on the disk or not, and no later sync brings it there unless its page is
//!   written again (as Linux does: the page counts as clean).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Something that happened to the files of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Made {
        inode: u32,
        name: Name,
    },
    Removed {
        name: Name,
    },
    Written {
        inode: u32,
        at: usize,
        data: Vec<u8>,
    },
    Cut {
        inode: u32,
        length: usize,
    },
    Synced {
        inode: u32,
    },
    NotSynced {
        inode: u32,
    },
    FolderSynced,
    /// What the program had said by then to whoever waits for it.
    Said(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Database,
    Wal,
    Journal,
}

impl Name {
    const ALL: [(Self, u64, &'static str); 3] =
        [(Self::Database, 1, ""), (Self::Wal, 2, "-wal"), (Self::Journal, 3, "-journal")];

    fn of(number: u64) -> Self {
        Self::ALL.into_iter().find(|(_, known, _)| *known == number).unwrap().0
    }
}

/// Reads what the shim wrote.
pub(crate) fn read_log(mut log: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while !log.is_empty() {
        let (head, rest) = log.split_at(24);
        let number = |from: usize| u64::from_ne_bytes(head[from..from + 8].try_into().unwrap());
        let small = |from: usize| u32::from_ne_bytes(head[from..from + 4].try_into().unwrap());
        let (inode, at) = (small(4), number(8));
        let (data, rest) = rest.split_at(usize::try_from(number(16)).unwrap());
        let place = || usize::try_from(at).unwrap();
        log = rest;
        events.push(match char::from_u32(small(0)).unwrap() {
            'C' => Event::Made { inode, name: Name::of(at) },
            'U' => Event::Removed { name: Name::of(at) },
            'W' => Event::Written { inode, at: place(), data: data.to_vec() },
            'T' => Event::Cut { inode, length: place() },
            'S' => Event::Synced { inode },
            'F' => Event::NotSynced { inode },
            'D' => Event::FolderSynced,
            'A' => Event::Said(String::from_utf8(data.to_vec()).unwrap()),
            other => panic!("the database made a call that is not understood here: {other} {at}"),
        });
    }
    events
}

/// Numbers that look random, the same for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        super::work::mix(self.0) % end
    }

    /// 0 to `most`.
    fn up_to(&mut self, most: usize) -> usize {
        usize::try_from(self.below(most as u64 + 1)).unwrap()
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Cut(usize),
}

#[derive(Debug, Default)]
struct Inode {
    /// What is on the disk for certain, apart from pieces of `pending`.
    durable: Vec<u8>,
    /// What the system shows to programs.
    cache: Vec<u8>,
    pending: Vec<Change>,
    /// Pages that differ between the two although they count as clean.
    falsely_clean: BTreeSet<usize>,
}

const PAGE: usize = 4096;

fn pages(at: usize, length: usize) -> std::ops::Range<usize> {
    at / PAGE..(at + length).div_ceil(PAGE)
}

fn write(file: &mut Vec<u8>, at: usize, data: &[u8], dice: Option<&mut Dice>) {
    let old = file.len();
    if old < at + data.len() {
        file.resize(at + data.len(), 0);
    }
    if let Some(dice) = dice.filter(|_| at > old) {
        file[old..at].iter_mut().for_each(|byte| *byte = u8::try_from(dice.below(256)).unwrap());
    }
    file[at..at + data.len()].copy_from_slice(data);
}

impl Inode {
    fn written(&mut self, at: usize, data: Vec<u8>) {
        write(&mut self.cache, at, &data, None);
        for page in pages(at, data.len()) {
            if self.falsely_clean.remove(&page) {
                // Its whole page is to be written again.
                let end = (page * PAGE + PAGE).min(self.cache.len());
                self.pending
                    .push(Change::Write { at: page * PAGE, data: self.cache[page * PAGE..end].to_vec() });
            }
        }
        self.pending.push(Change::Write { at, data });
    }

    fn cut(&mut self, length: usize) {
        self.cache.resize(length, 0);
        self.pending.push(Change::Cut(length));
    }

    fn synced(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { at, data } => write(&mut self.durable, at, &data, None),
                Change::Cut(length) => self.durable.resize(length, 0),
            }
        }
    }

    fn not_synced(&mut self, dice: &mut Dice) {
        for change in &self.pending {
            if let Change::Write { at, data } = change {
                self.falsely_clean.extend(pages(*at, data.len()));
            }
        }
        self.durable = self.after_loss(dice);
        self.pending.clear();
        // Its length belongs to the folder's records, which are another matter.
        self.durable.resize(self.cache.len(), 0);
    }

    /// What is on the disk when the power goes.
    fn after_loss(&self, dice: &mut Dice) -> Vec<u8> {
        let mut file = self.durable.clone();
        let piece = if dice.is(50) { PAGE } else { 512 };
        let percent = [0, 10, 50, 90, 100][dice.up_to(4)];
        let leaves_garbage = dice.is(25);
        for change in &self.pending {
            match change {
                Change::Write { at, data } => {
                    let (mut from, end) = (*at, at + data.len());
                    while from < end {
                        let to = ((from / piece + 1) * piece).min(end);
                        if dice.is(percent) {
                            let garbage = leaves_garbage.then_some(&mut *dice);
                            write(&mut file, from, &data[from - at..to - at], garbage);
                        }
                        from = to;
                    }
                }
                Change::Cut(length) => {
                    if dice.is(50) {
                        file.resize(*length, 0);
                    }
                }
            }
        }
        if dice.is(25) && self.cache.len() > file.len() {
            // Longer already, and not written yet.
            let length = file.len() + dice.up_to(self.cache.len() - file.len());
            write(&mut file, length, &[], leaves_garbage.then_some(dice));
        }
        file
    }
}

/// The files of a database on a disk.
#[derive(Debug)]
pub(crate) struct Disk {
    inodes: BTreeMap<u32, Inode>,
    /// Which file has which name, for certain.
    durable: BTreeMap<Name, u32>,
    /// The latest changes of names.
    pending: BTreeMap<Name, Vec<Option<u32>>>,
    dice: Dice,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { inodes: BTreeMap::new(), durable: BTreeMap::new(), pending: BTreeMap::new(), dice: Dice(seed) }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Made { inode, name } => {
                self.inodes.insert(*inode, Inode::default());
                self.pending.entry(*name).or_default().push(Some(*inode));
            }
            Event::Removed { name } => self.pending.entry(*name).or_default().push(None),
            Event::Written { inode, at, data } => self.inode(*inode).written(*at, data.clone()),
            Event::Cut { inode, length } => self.inode(*inode).cut(*length),
            Event::Synced { inode } => self.inode(*inode).synced(),
            Event::NotSynced { inode } => {
                let mut dice = Dice(self.dice.below(u64::MAX));
                self.inode(*inode).not_synced(&mut dice);
            }
            Event::FolderSynced => {
                for (name, changes) in std::mem::take(&mut self.pending) {
                    match changes.last().copied().flatten() {
                        Some(inode) => self.durable.insert(name, inode),
                        None => self.durable.remove(&name),
                    };
                }
            }
            Event::Said(_) => {}
        }
    }

    fn inode(&mut self, number: u32) -> &mut Inode {
        self.inodes.get_mut(&number).expect("a file that nobody made")
    }

    /// Writes what may be on the disk if the power goes now, as files of this name.
    pub(crate) fn lose_power(&mut self, file: &Path) {
        for (name, _, suffix) in Name::ALL {
            let changes = self.pending.get(&name).map_or(&[][..], Vec::as_slice);
            // Of these, the first ones.
            let count = self.dice.up_to(changes.len());
            let inode = match changes[..count].last() {
                Some(inode) => *inode,
                None => self.durable.get(&name).copied(),
            };
            let mut path = file.as_os_str().to_owned();
            path.push(suffix);
            match inode {
                Some(inode) => {
                    let content = self.inodes[&inode].after_loss(&mut self.dice);
                    std::fs::write(path, content).unwrap();
                }
                None => drop(std::fs::remove_file(path)),
            }
        }
    }
}
