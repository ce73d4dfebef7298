//! A table in a file: its rows, one line each, with their columns by name.
//!
//! A line has at most [`LONGEST_LINE`] bytes and 64 fields; fields are those of RFC 4180 on one line. Lines are split before
//! their text is decoded: no byte of a GB18030 symbol after its first is a comma, a quote or a line's end.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use encoding_rs::{GB18030, UTF_8};

use super::columns::Column;

/// Bytes of a line at most.
pub(super) const LONGEST_LINE: usize = 4_096;
/// Fields of a line at most.
const MOST_FIELDS: usize = 64;
/// So much is looked at to tell the encoding.
const LOOKED_AT: u64 = 1 << 20;

/// How a file's text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With or without a byte order mark.
    Utf8,
    /// And so GBK and GB 2312.
    Gb18030,
}

impl Encoding {
    /// UTF-8 if the file's beginning is that, else GB18030.
    fn of(path: &Path) -> io::Result<Encoding> {
        let mut beginning = Vec::new();
        File::open(path)?.take(LOOKED_AT).read_to_end(&mut beginning)?;
        Ok(match std::str::from_utf8(&beginning) {
            Ok(_) => Encoding::Utf8,
            // A symbol that the look ended within.
            Err(error) if error.error_len().is_none() => Encoding::Utf8,
            Err(_) => Encoding::Gb18030,
        })
    }

    fn decode(self, field: &[u8]) -> Result<String, &'static str> {
        let (encoding, wrong) = match self {
            Encoding::Utf8 => (UTF_8, "it is not UTF-8: say --encoding gb18030 if the file is"),
            Encoding::Gb18030 => (GB18030, "it is not GB18030: say --encoding utf-8 if the file is"),
        };
        encoding
            .decode_without_bom_handling_and_without_replacement(field)
            .map(|text| text.trim().to_owned())
            .ok_or(wrong)
    }
}

/// Why a table cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Io {
        /// Which file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// Its first line does not name the columns.
    #[error("{file}:1: {why}")]
    Heading {
        /// Which file.
        file: String,
        /// What is wrong, and how to mend it.
        why: String,
    },
}

/// What is wrong with a row, and in which column; none for the row as a whole.
pub(super) type Wrong = (Option<&'static str>, &'static str);

/// An open table of `N` columns.
pub(super) struct Table<const N: usize> {
    file: String,
    reader: BufReader<File>,
    encoding: Encoding,
    parser: csv_core::Reader,
    columns: &'static [Column; N],
    /// Where among a row's fields each column is.
    places: [usize; N],
    fields: usize,
    line: Vec<u8>,
    number: u64,
    read: u64,
    text: Vec<u8>,
    ends: [usize; MOST_FIELDS],
    found: usize,
}

impl<const N: usize> Table<N> {
    /// Opens a file and reads its heading.
    pub(super) fn open(
        path: &Path,
        encoding: Option<Encoding>,
        columns: &'static [Column; N],
    ) -> Result<Table<N>, TableError> {
        let file = path.display().to_string();
        let io = |source| TableError::Io { file: file.clone(), source };
        let encoding = encoding.map_or_else(|| Encoding::of(path), Ok).map_err(io)?;
        let reader = BufReader::with_capacity(1 << 17, File::open(path).map_err(io)?);
        let mut table = Table {
            file: file.clone(),
            reader,
            encoding,
            parser: csv_core::Reader::new(),
            columns,
            places: [0; N],
            fields: 0,
            line: Vec::new(),
            number: 0,
            read: 0,
            text: vec![0; LONGEST_LINE + 1],
            ends: [0; MOST_FIELDS],
            found: 0,
        };
        table.heading().map_err(|error| match error {
            Headless::Io(source) => io(source),
            Headless::Why(why) => TableError::Heading { file: file.clone(), why },
        })?;
        Ok(table)
    }

    fn heading(&mut self) -> Result<(), Headless> {
        let why = |text: &str| Headless::Why(text.to_owned());
        if !self.next_line().map_err(Headless::Io)? {
            return Err(why("the file is empty: its first line names the columns"));
        }
        if let Some(rest) = self.line.strip_prefix(b"\xef\xbb\xbf") {
            self.line = rest.to_vec();
        }
        if self.line.iter().all(u8::is_ascii_whitespace) {
            return Err(why("the line is blank: a table's first line names the columns"));
        }
        self.split().map_err(|(_, wrong)| why(wrong))?;
        self.fields = self.found;
        let headings: Vec<String> = (0..self.found)
            .map(|place| self.encoding.decode(self.field(place)))
            .collect::<Result<_, _>>()
            .map_err(why)?;
        for (column, place) in self.columns.iter().zip(&mut self.places) {
            let mut called = headings.iter().enumerate().filter(|(_, heading)| column.is_called(heading));
            match (called.next(), called.next()) {
                (Some((at, _)), None) => *place = at,
                (Some(_), Some(_)) => return Err(Headless::Why(format!("two columns are called {}", column.name))),
                (None, _) if column.optional => *place = usize::MAX,
                (None, _) => {
                    let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
                    let names = names.join(", ");
                    return Err(Headless::Why(format!(
                        "there is no column {}: the first line names the columns {names}, in any order; \
                         docs/records-import.md has their other names",
                        column.name
                    )));
                }
            }
        }
        Ok(())
    }

    /// The next row that is not blank: its columns in the order asked for, or what is wrong with it. `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Result<(), Wrong>>, TableError> {
        loop {
            let more = self.next_line();
            if !more.map_err(|source| TableError::Io { file: self.file.clone(), source })? {
                return Ok(None);
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut split = self.split();
            if split.is_ok() && self.found != self.fields {
                split = Err((None, "it has not as many fields as the first line"));
            }
            return Ok(Some(split));
        }
    }

    /// A column of the row that was read last.
    pub(super) fn column<T>(&self, at: usize, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, Wrong> {
        let name = self.columns.get(at).map(|column| column.name);
        let field = self.raw(at);
        let value = match std::str::from_utf8(field) {
            Ok(text) if field.is_ascii() => read(text.trim()),
            _ => self.encoding.decode(field).and_then(|text| read(&text)),
        };
        value.map_err(|wrong| (name, wrong))
    }

    /// A column's bytes.
    pub(super) fn raw(&self, at: usize) -> &[u8] {
        self.places.get(at).map_or(&[], |place| self.field(*place))
    }

    /// The line of the row that was read last, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.number
    }

    /// Bytes read so far.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    fn field(&self, place: usize) -> &[u8] {
        let from = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = self.ends.get(place).copied().filter(|_| place < self.found).unwrap_or(from);
        self.text.get(from..to).unwrap_or_default()
    }

    /// Reads a line with its end. Of one that is too long the rest is passed over.
    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let most = LONGEST_LINE as u64 + 1;
        let mut read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)? as u64;
        while read > LONGEST_LINE as u64 && self.line.last() != Some(&b'\n') {
            let rest = self.reader.fill_buf()?;
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or(rest.len());
            self.reader.consume(taken);
            read += taken as u64;
            if end.is_some() || taken == 0 {
                break;
            }
        }
        self.read += read;
        self.number += u64::from(read > 0);
        Ok(read > 0)
    }

    /// Splits the line into fields.
    fn split(&mut self) -> Result<(), Wrong> {
        let content = self.line.strip_suffix(b"\n").unwrap_or(&self.line).len();
        if content > LONGEST_LINE {
            return Err((None, "the line has more than 4096 bytes"));
        }
        let content = self.line.get(..content).map_or(0, |line| line.strip_suffix(b"\r").unwrap_or(line).len());
        self.line.truncate(content);
        self.line.push(b'\n');
        self.parser.reset();
        let (result, taken, _, found) = self.parser.read_record(&self.line, &mut self.text, &mut self.ends);
        self.found = found;
        match result {
            csv_core::ReadRecordResult::Record if taken == self.line.len() => Ok(()),
            csv_core::ReadRecordResult::Record => Err((None, "a line ends within it: rows end with LF or CR LF")),
            csv_core::ReadRecordResult::OutputEndsFull => Err((None, "it has more than 64 fields")),
            _ => Err((None, "a quote that is opened is not closed on the same line")),
        }
    }
}

enum Headless {
    Io(io::Error),
    Why(String),
}

#[cfg(test)]
mod tests {
    use super::super::columns::{self, PAYMENTS, PEOPLE};
    use super::*;

    fn table<const N: usize>(bytes: &[u8], columns: &'static [Column; N]) -> Result<Table<N>, TableError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, bytes).unwrap();
        Table::open(&path, None, columns)
    }

    #[test]
    fn columns_are_found_by_name_in_either_encoding() {
        let text = "姓名,险种,缴费月份,身份证号,缴费基数,个人缴费,单位缴费\r\n某,\"养老保险\",2026年3月,1,1,2,3\r\n";
        let (gb, _, _) = GB18030.encode(text);
        let with_mark = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for bytes in [text.as_bytes(), &gb, &with_mark] {
            let mut table = table(bytes, &PAYMENTS).unwrap();
            assert_eq!(table.next_row().unwrap(), Some(Ok(())));
            assert_eq!(table.column(1, columns::insurance), Ok(crate::facts::Insurance::Pension));
            assert_eq!(table.column(2, columns::month).unwrap().to_string(), "2026-03");
            assert_eq!((table.raw(0), table.raw(5), table.line()), (b"1".as_slice(), b"3".as_slice(), 2));
            assert_eq!(table.next_row().unwrap(), None);
        }
    }

    #[test]
    fn a_bad_row_ends_no_others() {
        let long = "9".repeat(LONGEST_LINE * 50);
        let rows = format!(
            "id_number,number,kind,pension,medical\n\"1,2,3,4,5\n1,2,3,4\n{long}\n\n1,2\r3,4,5,6\n1,2,3,4,5,6\n{}\n1,2,3,4,5",
            "x,".repeat(70)
        );
        let mut table = table(rows.as_bytes(), &PEOPLE).unwrap();
        let mut told = Vec::new();
        while let Some(row) = table.next_row().unwrap() {
            told.push((table.line(), row.err().map_or("", |(_, wrong)| wrong)));
        }
        for ((line, wrong), (at, words)) in told.iter().zip([
            (2, "quote"),
            (3, "not as many fields"),
            (4, "more than 4096"),
            (6, "line ends within"),
            (7, "not as many"),
            (8, "more than 64"),
            (9, ""),
        ]) {
            assert_eq!(*line, at);
            assert!(wrong.contains(words), "{line}: {wrong}");
        }
        assert_eq!(told.len(), 7);
        assert_eq!(table.raw(4), b"5");
    }

    #[test]
    fn a_heading_that_is_wrong_is_told() {
        for (bytes, words) in [
            (b"".as_slice(), "empty"),
            (b"\xef\xbb\xbf\r\nid_number,number,kind,pension,medical\n", "blank"),
            (b"id_number,number,kind,pension\n", "no column medical"),
            (b"id_number,number,kind,pension,medical,Number\n", "two columns are called number"),
            (b"\xff\xff,\xff\n", "GB18030"),
        ] {
            let told = table(bytes, &PEOPLE).err().unwrap().to_string();
            assert!(told.contains("table.csv:1: ") && told.contains(words), "{told}");
        }
    }
}
