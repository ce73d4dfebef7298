//! What an agency writes: the tables of its records.

use hotline::facts::Month;
use hotline::records::Seal;
use hotline::records::import::{ImportError, ImportOptions, Outcome, RowFault, import};

/// Two tables, parted by a zero octet: every faulty row is told, once for what is wrong with it, within the files.
pub fn records_import(octets: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let (people, payments) = (folder.path().join("people.csv"), folder.path().join("payments.csv"));
    let mut tables = octets.splitn(2, |octet| *octet == 0);
    let tables = [tables.next().unwrap_or_default(), tables.next().unwrap_or_default()];
    for (file, table) in [&people, &payments].into_iter().zip(tables) {
        if std::fs::write(file, table).is_err() {
            return;
        }
    }
    let lines = tables.map(|table| table.iter().filter(|octet| **octet == b'\n').count() as u64 + 1);
    let options = ImportOptions {
        people: people.clone(),
        payments,
        as_of: Month::new(2026, 9).unwrap_or_else(|| unreachable!("a month")),
        today: jiff::civil::date(2026, 11, 25),
        encoding: None,
        skip_faulty: false,
        check: true,
        force: false,
    };
    let mut told = 0;
    let mut tell = |fault: &RowFault| {
        told += 1;
        let of_it = lines[usize::from(fault.file != people.display().to_string())];
        assert!((2..=of_it).contains(&fault.line), "{fault:?} of {of_it} lines");
        Ok(())
    };
    match import(&folder.path().join("hotline.db"), &Seal::open_values(), &options, &mut tell, &mut |_, _, _| ()) {
        Ok(report) => {
            assert_eq!(report.faulty, told);
            assert!(report.faulty <= report.people_rows + report.payment_rows);
            assert_eq!(report.outcome == Outcome::Checked, told == 0);
        }
        Err(ImportError::Table(error)) => assert!(error.to_string().contains(".csv:1: "), "{error}"),
        Err(error) => panic!("{error}"),
    }
}
