//! A tally on its way from an executor to whoever counts: pieces that are tallies themselves, so that they merge in any
//! order. Both sides are one version of this program (executors refuse another), so the form has no version of its own.
//!
//! A key costs 16 or 28 bytes, whatever its text was; a piece holds so many that neither side needs much room for it.

use model::statistic::Observed;
use rustc_hash::FxHashMap;

use super::{Entry, FeedSets, Keys, SetId, Tally, WordTable};

/// Keys of a piece: about a megabyte.
const KEYS: usize = 40_000;

/// What is wrong with bytes that are no piece.
const DAMAGED: &str = "a piece of a tally is damaged";

/// Bytes that are written.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).unwrap_or(u32::MAX));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    fn texts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a String>) {
        self.count(texts.len());
        texts.for_each(|text| self.text(text));
    }
}

/// Bytes that are read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (first, rest) = self.0.split_first_chunk().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn short(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.bytes()?))
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let length = self.number()? as usize;
        let (first, rest) = self.0.split_at_checked(length).ok_or(DAMAGED)?;
        self.0 = rest;
        std::str::from_utf8(first).map_err(|_| DAMAGED.to_owned())
    }

    /// So many of something.
    fn each(&mut self, mut one: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        (0..self.number()?).try_for_each(|_| one(self))
    }
}

/// A key of a map of keys.
trait Carried: Copy {
    fn write(self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, String>;
}

impl Carried for u32 {
    fn write(self, to: &mut Writer) {
        to.number(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, String> {
        from.number()
    }
}

impl Carried for u128 {
    fn write(self, to: &mut Writer) {
        to.0.extend(self.to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, String> {
        Ok(u128::from_le_bytes(from.bytes()?))
    }
}

/// A piece that is being filled with keys, and the words that they use.
struct Piece<'a> {
    tally: &'a Tally,
    keys: Writer,
    held: usize,
    /// Words by their number in the tally; 0 is none, in both.
    words: FxHashMap<u16, u16>,
    used: Vec<u16>,
}

impl<'a> Piece<'a> {
    fn new(tally: &'a Tally) -> Self {
        Piece {
            tally,
            keys: Writer::default(),
            held: 0,
            words: FxHashMap::default(),
            used: Vec::new(),
        }
    }

    fn word(&mut self, word: u16) -> u16 {
        // None, or one beyond those that are told apart.
        if self.tally.words.word(word).is_none() {
            return word;
        }
        if let Some(known) = self.words.get(&word) {
            return *known;
        }
        self.used.push(word);
        let new = self.used.len() as u16;
        self.words.insert(word, new);
        new
    }

    fn key<K: Carried>(&mut self, (base, kind): (usize, u8), key: K, entry: Entry) {
        let word = self.word(entry.word);
        let to = &mut self.keys;
        to.0.extend([base as u8, kind]);
        key.write(to);
        to.number(entry.first);
        to.number(entry.second);
        to.0.extend(entry.code.to_le_bytes());
        to.0.extend(word.to_le_bytes());
        self.held += 1;
    }

    /// Its bytes; the first piece of a tally also has what is not by key.
    fn bytes(self, first: bool) -> Vec<u8> {
        let Tally {
            sets,
            names,
            evidence,
            events,
            ..
        } = self.tally;
        let mut to = Writer::default();
        to.texts(sets.feeds().iter());
        to.count(sets.members().len());
        for members in sets.members() {
            to.count(members.len());
            members.iter().for_each(|feed| to.number(*feed));
        }
        to.count(self.used.len());
        for word in &self.used {
            to.text(self.tally.words.word(*word).unwrap_or_default());
        }
        let (names, evidence, events): (&[_], &[_], &[_]) = match first {
            true => (names, evidence, events),
            false => (&[], &[], &[]),
        };
        to.count(names.len());
        for (name, set) in names {
            to.text(name);
            to.number(*set);
        }
        to.count(events.len());
        for (count, kinds) in events.iter().zip(evidence) {
            to.0.extend(count.to_le_bytes());
            for fields in kinds {
                to.0.push(u8::from(fields.is_some()));
                to.0.extend(fields.unwrap_or(0).to_le_bytes());
            }
        }
        to.count(self.held);
        to.0.extend(self.keys.0);
        to.0
    }
}

impl Tally {
    /// The tally in pieces, at least one.
    pub fn pieces(&self) -> impl Iterator<Item = Vec<u8>> + Send + '_ {
        let mut keys = self.bases.iter().enumerate().flat_map(|(base, keys)| {
            let v4 = keys
                .v4
                .iter()
                .map(|(key, entry)| (0, u128::from(*key), entry));
            let v6 = keys.v6.iter().map(|(key, entry)| (1, *key, entry));
            let text = keys.text.iter().map(|(key, entry)| (2, *key, entry));
            let all = v4.chain(v6).chain(text);
            all.map(move |(kind, key, entry)| ((base, kind), key, *entry))
        });
        let (mut first, mut over) = (true, false);
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let mut piece = Piece::new(self);
            for (place, key, entry) in keys.by_ref().take(KEYS) {
                match place.1 {
                    0 => piece.key(place, key as u32, entry),
                    _ => piece.key(place, key, entry),
                }
            }
            over = piece.held < KEYS;
            let bytes = piece.bytes(first);
            first = false;
            Some(bytes)
        })
    }

    /// Takes a piece of another tally in.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.merge(Tally::of_piece(piece)?);
        Ok(())
    }

    fn of_piece(bytes: &[u8]) -> Result<Tally, String> {
        let from = &mut Reader(bytes);
        let mut feeds = FeedSets::default();
        from.each(|from| {
            feeds.feed(from.text()?);
            Ok(())
        })?;
        let known = feeds.feeds().len();
        // Numbers of sets are their places there, and here what they are given.
        let mut sets: Vec<SetId> = Vec::new();
        from.each(|from| {
            let mut set = 0;
            from.each(|from| {
                let feed = from.number()?;
                if feed as usize >= known {
                    return Err(DAMAGED.to_owned());
                }
                set = feeds.add(set, feed);
                Ok(())
            })?;
            sets.push(set);
            Ok(())
        })?;
        let set = |number: u32| sets.get(number as usize).copied().ok_or(DAMAGED);
        let mut tally = Tally {
            sets: feeds,
            ..Tally::default()
        };
        let mut words = WordTable::default();
        from.each(|from| {
            words.id(Some(from.text()?));
            Ok(())
        })?;
        tally.words = words;
        from.each(|from| {
            let name = from.text()?.to_owned();
            let at = tally.name(&name);
            tally.names[at].1 = set(from.number()?)?;
            Ok(())
        })?;
        from.each(|from| {
            tally.events.push(u64::from_le_bytes(from.bytes()?));
            let mut kinds = [None; Observed::ALL.len()];
            for kind in &mut kinds {
                let [seen] = from.bytes()?;
                let fields = from.short()?;
                *kind = (seen == 1).then_some(fields);
            }
            tally.evidence.push(kinds);
            Ok(())
        })?;
        let bases = &mut tally.bases;
        from.each(|from| {
            let [base, kind] = from.bytes()?;
            let keys = bases.get_mut(usize::from(base)).ok_or(DAMAGED)?;
            match kind {
                0 => one(&mut keys.v4, from, set),
                1 => one(&mut keys.v6, from, set),
                2 => one(&mut keys.text, from, set),
                _ => Err(DAMAGED.to_owned()),
            }
        })?;
        match from.0.is_empty() {
            true => Ok(tally),
            false => Err(DAMAGED.to_owned()),
        }
    }
}

fn one<K: Carried + Eq + std::hash::Hash>(
    keys: &mut Keys<K>,
    from: &mut Reader<'_>,
    set: impl Fn(u32) -> Result<SetId, &'static str>,
) -> Result<(), String> {
    let key = K::read(from)?;
    let entry = Entry {
        first: set(from.number()?)?,
        second: set(from.number()?)?,
        code: from.short()?,
        word: from.short()?,
    };
    keys.insert(key, entry);
    Ok(())
}
