//! `hotline records import`: every faulty row is told, nothing is loaded unless all are good or the faulty ones are to be left
//! out, a month that was imported before changes nothing, and a call goes on with the new month of the person it verified.

use std::path::PathBuf;
use std::sync::Arc;

use hotline::facts::{Balances, Fen, Identity, Insurance, Month, Origin, PersonRef, Query, Reply, Secret};
use hotline::records::demo::{self, DemoOptions, NAMED};
use hotline::records::import::{ImportError, ImportOptions, ImportReport, Outcome, RowFault, import};
use hotline::records::{LockPolicy, Records, RecordsError};

use crate::records_support::{Lasting, as_of, at, matched, person, right, verify};
use crate::support::hotline::in_tree;

/// A folder with two tables, and a database.
struct Desk {
    folder: tempfile::TempDir,
    database: Lasting,
}

impl Desk {
    fn each() -> [Desk; 2] {
        Lasting::each_empty().map(|database| Desk { folder: tempfile::tempdir().unwrap(), database })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, people: impl AsRef<[u8]>, payments: impl AsRef<[u8]>) -> &Desk {
        std::fs::write(self.path("people.csv"), people).unwrap();
        std::fs::write(self.path("payments.csv"), payments).unwrap();
        self
    }

    fn options(&self, as_of: Month) -> ImportOptions {
        ImportOptions {
            people: self.path("people.csv"),
            payments: self.path("payments.csv"),
            as_of,
            today: jiff::civil::date(2026, 11, 25),
            encoding: None,
            skip_faulty: false,
            check: false,
            force: false,
        }
    }

    fn import(&self, options: &ImportOptions) -> (Result<ImportReport, ImportError>, Vec<RowFault>) {
        let mut faults = Vec::new();
        let mut tell = |fault: &RowFault| {
            faults.push(fault.clone());
            Ok(())
        };
        let report = import(&self.database.source(), options, &mut tell, &mut |_, _, _| ());
        (report, faults)
    }

    fn loaded(&self, as_of: Month) -> ImportReport {
        let (report, faults) = self.import(&self.options(as_of));
        assert_eq!(faults, []);
        report.unwrap()
    }

    fn records(&self) -> Arc<dyn Records> {
        self.database.open(LockPolicy::default())
    }

    fn is_file(&self) -> bool {
        matches!(self.database, Lasting::File(_))
    }

    /// What there is beside the records themselves: files; of a server the people on the side that nobody reads.
    fn left(&self) -> Vec<String> {
        match &self.database {
            Lasting::File(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
                names.sort();
                names
            }
            Lasting::Server(server) => {
                if server.sql("SELECT to_regclass('records') IS NULL") == "t" {
                    return Vec::new();
                }
                let people = server.sql("SELECT person FROM records WHERE side <> (SELECT side FROM meta)");
                people.lines().map(str::to_owned).collect()
            }
        }
    }

    /// All that is held.
    fn held(&self) -> Vec<u8> {
        match &self.database {
            Lasting::File(folder) => std::fs::read(folder.path().join("records.sqlite")).unwrap(),
            Lasting::Server(server) => ["meta", "people", "records", "passwords"]
                .map(|table| server.sql(&format!("SELECT held::text FROM {table} held ORDER BY 1")))
                .concat()
                .into_bytes(),
        }
    }
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn whose(records: &dyn Records, who: &str) -> PersonRef {
    match records.answer(&right(who, None), at(0)).unwrap() {
        Reply::Matched(person) => person,
        other => panic!("{who}: {other:?}"),
    }
}

fn payments_of(person: PersonRef) -> impl Iterator<Item = Query> {
    Insurance::ALL.into_iter().map(move |insurance| {
        let (from, to) = (month("1970-01"), month("2026-12"));
        Query::Payments { person, insurance, from, to }
    })
}

/// All that is said of a person.
fn all_of(records: &dyn Records, person: PersonRef) -> Vec<Reply> {
    let queries = [Query::Balances(person), Query::Summary(person)].into_iter().chain(payments_of(person));
    queries.map(|query| records.answer(&query, at(0)).unwrap()).collect()
}

#[test]
fn what_was_written_as_tables_is_read_back_to_the_last_fen() {
    for desk in Desk::each() {
        let options = DemoOptions { people: 60, ..DemoOptions::as_of(as_of()) };
        let payments = demo::write_tables(desk.folder.path(), options, None, || ()).unwrap();
        let report = desk.loaded(as_of());
        assert_eq!((report.outcome, report.people_rows, report.payment_rows), (Outcome::Loaded, 60, payments));
        assert_eq!((report.difference.people, report.difference.payments, report.difference.new), (60, payments, 60));
        let (imported, expected) = (desk.records(), demo::in_memory(options).unwrap());
        for named in &NAMED {
            let ask = verify(named.id, named.number, None);
            let Reply::Matched(there) = expected.answer(&ask, at(0)).unwrap() else { panic!("{}", named.who) };
            assert_eq!(
                all_of(imported.as_ref(), whose(imported.as_ref(), named.who)),
                all_of(&expected, there),
                "{}",
                named.who
            );
        }
        let left = ["records.sqlite", "records.sqlite-shm", "records.sqlite-wal", "records.sqlite.lock"];
        assert_eq!(desk.left(), if desk.is_file() { left.as_slice() } else { &[] });
    }
}

#[test]
fn a_month_imported_again_changes_nothing() {
    for desk in Desk::each() {
        demo::write_tables(desk.folder.path(), DemoOptions { people: 30, ..DemoOptions::as_of(as_of()) }, None, || ())
            .unwrap();
        desk.loaded(as_of());
        let again = desk.loaded(as_of());
        assert_eq!(
            (again.outcome, again.difference.new, again.difference.changed, again.difference.gone),
            (Outcome::Unchanged, 0, 0, 0)
        );
        // One fen more is a change.
        let text = std::fs::read_to_string(desk.path("people.csv")).unwrap();
        let line = text.lines().nth(1).unwrap();
        let mut fields: Vec<&str> = line.split(',').collect();
        fields[4] = "1.23";
        std::fs::write(desk.path("people.csv"), text.replace(line, &fields.join(","))).unwrap();
        let changed = desk.loaded(as_of());
        assert_eq!((changed.outcome, changed.difference.changed), (Outcome::Loaded, 1));
        let records = desk.records();
        let balances = records.answer(&Query::Balances(whose(records.as_ref(), "ordinary")), at(0)).unwrap();
        assert!(matches!(balances, Reply::Balances(Balances { medical: Fen(123), .. })), "{balances:?}");
    }
}

#[test]
fn the_documentations_example_is_imported_in_both_encodings() {
    let [people, payments] = ["insured.csv", "payments.csv"]
        .map(|name| std::fs::read_to_string(in_tree("docs/examples").join(name)).unwrap());
    for gb in [false, true] {
        for desk in Desk::each() {
            let bytes = |text: &str| if gb { encoding_rs::GB18030.encode(text).0.into_owned() } else { text.into() };
            desk.put(bytes(&people), bytes(&payments));
            let report = desk.loaded(as_of());
            assert_eq!((report.difference.people, report.difference.payments), (4, 7));
            let records = desk.records();
            let ordinary = whose(records.as_ref(), "ordinary");
            let balances = Balances { pension: Fen(8_652_305), medical: Fen(312_040), as_of: as_of() };
            assert_eq!(records.answer(&Query::Balances(ordinary), at(0)).unwrap(), Reply::Balances(balances));
            let Reply::Summary(summary) = records.answer(&Query::Summary(ordinary), at(0)).unwrap() else { panic!() };
            assert_eq!(summary.insurances.iter().map(|one| one.months_paid).collect::<Vec<_>>(), [2, 1, 1, 0, 0]);
        }
    }
}

const PEOPLE: &str = "id_number,number,kind,pension,medical\n";
const PAYMENTS: &str = "id_number,insurance,month,base,personal,employer\n";
const GOOD: &str = "119999198503150010,10000001,employee,1.00,2.00\n";
const PAID: &str = "119999198503150010,pension,2026-09,7900.00,632.00,1264.00\n";

#[test]
fn every_faulty_row_is_told_with_its_place_and_nothing_is_loaded() {
    for desk in Desk::each() {
        desk.put(format!("{PEOPLE}{GOOD}"), format!("{PAYMENTS}{PAID}")).loaded(month("2026-08").plus(1));
        let people = [
            (GOOD.trim(), None),
            ("32999919780419007X,10000002,employee,1.00,2.00", None),
            ("119999198503150011,10000003,employee,1.00,2.00", Some(("id_number", "check symbol"))),
            ("11999919850315001,10000003,employee,1.00,2.00", Some(("id_number", "too short"))),
            ("119999209903150013,10000003,employee,1.00,2.00", Some(("id_number", "date of birth"))),
            ("319999200308210046,1000000X,employee,1.00,2.00", Some(("number", "digits"))),
            ("319999200308210046,10000003,worker,1.00,2.00", Some(("kind", "pays-alone"))),
            ("319999200308210046,10000003,employee,1.005,2.00", Some(("pension", "two decimals"))),
            ("319999200308210046,10000003,employee,1.00,-2.00", Some(("medical", "negative"))),
            ("319999200308210046,10000003,employee,1.00", Some(("", "as many fields"))),
            ("449999196005040035,10000002,employee,1.00,2.00", Some(("number", "line 3 too"))),
            ("32999919780419007x,10000009,employee,1.00,2.00", Some(("id_number", "line 3 too"))),
        ];
        let payments = [
            (PAID.trim(), None),
            ("119999198503150010,Pension,2026-09,1.00,1.00,1.00", Some(("insurance", "养老保险"))),
            ("119999198503150010,pension,2026-13,1.00,1.00,1.00", Some(("month", "2026-03"))),
            ("119999198503150010,pension,2026-10,1.00,1.00,1.00", Some(("month", "later than"))),
            ("119999198503150010,pension,1985-02,1.00,1.00,1.00", Some(("month", "before the person was born"))),
            ("119999198503150010,medical,2026-09,1e3,1.00,1.00", Some(("base", "yuan"))),
            ("119999198503150010,medical,2026-09,1.00,-1.00,1.00", Some(("personal", "negative"))),
            ("119999198503150010,medical,2026-09,1.00,1.00,\"1,000.00\"", Some(("employer", "no commas"))),
            ("119999198503150010,pension,2026-09,1.00,1.00,1.00", Some(("month", "line 2 has this month"))),
            ("11010519491231002X,pension,2026-09,1.00,1.00,1.00", Some(("id_number", "no such person"))),
        ];
        let table = |head: &str, rows: &[(&str, Option<(&str, &str)>)]| {
            rows.iter().fold(head.to_owned(), |table, (row, _)| format!("{table}{row}\n"))
        };
        desk.put(table(PEOPLE, &people), table(PAYMENTS, &payments));
        let before = desk.held();
        let (report, faults) = desk.import(&desk.options(as_of()));
        let report = report.unwrap();
        let expected = |file: &str, rows: &[(&str, Option<(&'static str, &'static str)>)]| -> Vec<_> {
            let file = desk.path(file).display().to_string();
            let faulty = (2_u64..).zip(rows.iter().map(|(_, fault)| *fault));
            faulty.filter_map(|(line, fault)| Some((file.clone(), line, fault?))).collect()
        };
        let expected = [expected("people.csv", &people), expected("payments.csv", &payments)].concat();
        assert_eq!((report.outcome, report.faulty), (Outcome::Refused, expected.len() as u64));
        for (file, line, (column, words)) in &expected {
            let of_it: Vec<_> = faults.iter().filter(|fault| (&fault.file, fault.line) == (file, *line)).collect();
            assert_eq!(of_it.len(), 1, "{file}:{line}: {of_it:?}");
            assert_eq!(of_it[0].column.unwrap_or(""), *column, "{file}:{line}");
            assert!(of_it[0].reason.contains(words), "{file}:{line}: {}", of_it[0].reason);
            assert!(!of_it[0].reason.contains("119999") && !of_it[0].reason.contains("1000000"), "{}", of_it[0].reason);
        }
        assert_eq!(desk.held(), before, "nothing is written");
        let left_out = ImportOptions { skip_faulty: true, ..desk.options(as_of()) };
        let (report, faults) = desk.import(&left_out);
        let report = report.unwrap();
        assert_eq!((report.outcome, faults.len()), (Outcome::Loaded, expected.len()));
        assert_eq!((report.difference.people, report.difference.payments, report.difference.new), (2, 1, 1));
        assert_eq!(whose(desk.records().as_ref(), "check-x"), PersonRef(2));
    }
}

#[test]
fn checking_loads_nothing_and_a_file_of_the_wrong_kind_is_told_at_its_first_line() {
    for desk in Desk::each() {
        desk.put(format!("{PEOPLE}{GOOD}"), format!("{PAYMENTS}{PAID}"));
        let (report, _) = desk.import(&ImportOptions { check: true, ..desk.options(as_of()) });
        assert_eq!(report.unwrap().outcome, Outcome::Checked);
        assert_eq!(desk.left(), [""; 0]);
        let (swapped, _) =
            desk.put(format!("{PAYMENTS}{PAID}"), format!("{PEOPLE}{GOOD}")).import(&desk.options(as_of()));
        let told = swapped.unwrap_err().to_string();
        assert!(told.contains("people.csv:1: there is no column number"), "{told}");
    }
}

#[test]
fn a_table_that_is_missing_leaves_no_database_behind() {
    for desk in Desk::each() {
        std::fs::copy(in_tree("docs/examples/insured.csv"), desk.path("people.csv")).unwrap();
        let (report, faults) = desk.import(&desk.options(as_of()));
        let told = report.unwrap_err().to_string();
        assert!(told.contains("payments.csv"), "{told}");
        assert_eq!((faults, desk.left()), (vec![], vec![]));
    }
}

#[test]
fn a_call_goes_on_with_the_new_month_of_the_person_it_verified() {
    for desk in Desk::each() {
        let tables = |as_of, people| {
            demo::write_tables(desk.folder.path(), DemoOptions { people, ..DemoOptions::as_of(as_of) }, None, || ())
                .unwrap()
        };
        tables(as_of(), 10);
        desk.loaded(as_of());
        let calls = desk.records();
        let person = whose(calls.as_ref(), "forty-years");
        let Reply::Balances(before) = calls.answer(&Query::Balances(person), at(0)).unwrap() else { panic!() };
        tables(as_of().plus(1), 10);
        let report = desk.loaded(as_of().plus(1));
        assert_eq!((report.outcome, report.difference.new, report.difference.gone), (Outcome::Loaded, 0, 0));
        let Reply::Balances(after) = calls.answer(&Query::Balances(person), at(0)).unwrap() else { panic!() };
        assert_eq!((before.as_of, after.as_of), (as_of(), as_of().plus(1)));
        assert!(after.pension > before.pension);
        assert_eq!(whose(calls.as_ref(), "forty-years"), person);
    }
}

#[test]
fn nobody_is_ever_given_a_number_that_was_somebody_elses() {
    for desk in Desk::each() {
        let of = |who: &str| format!("{},{},employee,1.00,2.00\n", person(who).id, person(who).number);
        let mut options = desk.options(as_of());
        options.force = true;
        let import = |whos: &[&str]| {
            let people = whos.iter().fold(PEOPLE.to_owned(), |table, who| table + &of(who));
            let (report, _) = desk.put(people, PAYMENTS).import(&options);
            assert_eq!(report.unwrap().outcome, Outcome::Loaded);
        };
        import(&["ordinary"]);
        import(&["check-x"]);
        let records = desk.records();
        assert_eq!(records.answer(&right("check-x", None), at(0)).unwrap(), matched(2));
        import(&["retiree"]);
        import(&["pays-alone"]);
        assert_eq!(records.answer(&right("pays-alone", None), at(0)).unwrap(), matched(4));
        for gone in 1..=3 {
            let asked = records.answer(&Query::Balances(PersonRef(gone)), at(0));
            assert!(matches!(asked, Err(RecordsError::NoSuchPerson)), "{asked:?}");
        }
        assert_eq!(records.answer(&right("ordinary", None), at(0)).unwrap(), Reply::Unmatched);
    }
}

#[test]
fn an_earlier_month_or_half_a_file_is_asked_about_first() {
    for desk in Desk::each() {
        let tables = |people| {
            demo::write_tables(desk.folder.path(), DemoOptions { people, ..DemoOptions::as_of(as_of()) }, None, || ())
                .unwrap()
        };
        tables(30);
        desk.loaded(as_of());
        tables(20);
        let (report, _) = desk.import(&desk.options(as_of()));
        assert!(matches!(report, Err(ImportError::Gone { gone: 10, before: 30 })), "{report:?}");
        assert_eq!(whose(desk.records().as_ref(), "ordinary"), whose(desk.records().as_ref(), "ordinary"));
        tables(30);
        let earlier = desk.options(month("2026-12"));
        assert_eq!(desk.import(&earlier).0.unwrap().outcome, Outcome::Loaded);
        let (report, _) = desk.import(&desk.options(as_of()));
        assert!(report.unwrap_err().to_string().contains("true as of 2026-12, which is later than 2026-09"));
        let (report, _) = desk.import(&ImportOptions { force: true, ..desk.options(as_of()) });
        assert_eq!(report.unwrap().outcome, Outcome::Loaded);
    }
}

#[test]
fn the_command_shows_some_faults_counts_all_and_writes_all_down() {
    for desk in Desk::each() {
        let faulty = "119999198503150011,10000001,employee,1.00,2.00\n".repeat(30);
        desk.put(format!("{PEOPLE}{GOOD}{faulty}"), format!("{PAYMENTS}{PAID}"));
        let run = |more: &[&str]| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"));
            command.args([
                "records",
                "import",
                "--as-of",
                "2026-09",
                "--people",
                "people.csv",
                "--payments",
                "payments.csv",
                "--database",
                &desk.database.named(),
            ]);
            let output = command.args(more).current_dir(desk.folder.path()).output().unwrap();
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            (output.status.code(), said)
        };
        let (code, [out, err]) = run(&["--show", "2", "--report", "faulty.csv"]);
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(err.contains("people.csv:3: id_number: the ID number's check symbol"), "{err}");
        assert!(!err.contains("people.csv:5:"), "{err}");
        assert!(err.contains("28 faulty rows are not shown") && err.contains("        30  id_number: "), "{err}");
        assert!(out.contains("31 rows of people and 1 of payments were read, 30 of them faulty"), "{out}");
        assert!(out.contains("nothing was loaded"), "{out}");
        let written = std::fs::read_to_string(desk.path("faulty.csv")).unwrap();
        assert_eq!(written.lines().count(), 31);
        assert!(written.contains("people.csv,32,id_number,"), "{written}");
        let (code, [out, _]) = run(&["--skip-faulty", "--show", "0"]);
        assert_eq!(code, Some(0));
        assert!(out.contains(": 1 people with 1 payments, true as of 2026-09: 1 new"), "{out}");
        assert_eq!(run(&["--people", "nowhere.csv"]).0, Some(2));
        let whole: String = [out, err, written].concat();
        assert!(!whole.contains("1199991985"), "{whole}");
    }
}

fn by_card(card: &str) -> Query {
    let number = Some(Secret::new(person("ordinary").number.to_owned()));
    let identity = Identity { card: Some(Secret::new(card.to_owned())), number, ..Identity::default() };
    Query::Verify { identity, from: Origin::default() }
}

#[test]
fn a_card_finds_its_bearer_of_the_month_that_is_read_alone() {
    for desk in Desk::each() {
        let head = format!("{},社保卡号,电脑号\n", PEOPLE.trim());
        let row = |card: &str| format!("{},{card},77\n", GOOD.trim());
        desk.put(format!("{head}{}", row("AB12345678901")), PAYMENTS).loaded(as_of());
        let records = desk.records();
        let ask = |card: &str| records.answer(&by_card(card), at(0)).unwrap();
        assert_eq!((ask("12345678901"), ask("45678901")), (matched(1), matched(1)));
        // The second payment of one month is found while the new month is being written.
        let (refused, _) = desk
            .put(format!("{head}{}", row("99999999")), format!("{PAYMENTS}{PAID}{PAID}"))
            .import(&desk.options(as_of()));
        assert_eq!(refused.unwrap().outcome, Outcome::Refused);
        assert_eq!((ask("12345678901"), ask("99999999")), (matched(1), Reply::Unmatched));
        desk.put(format!("{head}{}", row("99999999")), format!("{PAYMENTS}{PAID}")).loaded(as_of());
        assert_eq!((ask("99999999"), ask("12345678901")), (matched(1), Reply::Unmatched));
        let other = "32999919780419007X,10000002,employee,1.00,2.00,X99999999,\n";
        let (twice, faults) =
            desk.put(format!("{head}{}{other}", row("99999999")), PAYMENTS).import(&desk.options(as_of()));
        assert_eq!((twice.unwrap().outcome, faults[0].column, faults[0].line), (Outcome::Refused, Some("card"), 3));
    }
}
