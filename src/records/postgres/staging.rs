//! The tables of a month that nobody reads yet, in a schema beside the one that is read.
//!
//! They are made as those that are read are: what keys, indexes and rights these have, those are given, whatever a later version
//! makes them.

use tokio_postgres::{Client, Transaction};

use super::import::Fault;
use crate::facts::Month;

/// The tables that a month is in, those that others refer to last.
const TABLES: [&str; 5] = ["marks", "identifiers", "payments", "accounts", "insured"];

/// What makes the new tables like those that are read, in this order. $1 are the tables, $2 the schema beside.
const LIKE: [&str; 4] = [
    "SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $2::text, t.relname, c.conname, pg_get_constraintdef(c.oid)) \
     FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
     WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1) AND c.contype IN ('p', 'u', 'x', 'f') \
     ORDER BY c.contype = 'f', t.relname, c.conname",
    "SELECT replace(pg_get_indexdef(x.indexrelid), format(' ON %I.%I USING ', current_schema(), t.relname), \
                    format(' ON %I.%I USING ', $2::text, t.relname)) \
     FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid \
     WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1) \
     AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u', 'x'))",
    "SELECT format('GRANT %s ON %I.%I TO %s%s', a.privilege_type, $2::text, t.relname, \
                   CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
                   CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
     FROM pg_class t, aclexplode(t.relacl) a \
     WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1) AND a.grantee <> t.relowner",
    "SELECT format('ALTER TABLE %I.%I OWNER TO %I', $2::text, t.relname, pg_get_userbyid(t.relowner)) FROM pg_class t \
     WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1) \
     AND pg_get_userbyid(t.relowner) <> current_user",
];

/// The new month's tables.
pub(super) struct Staging {
    /// The schema that is read, as it is written in a statement.
    pub(super) read: String,
    /// The one beside it.
    beside: String,
    /// Finds people by the hashes of their ID numbers: hash, number, fingerprint.
    pub(super) known: String,
    /// What makes the tables like those that are read.
    like: Vec<String>,
}

impl Staging {
    /// Clears what was left, and makes the tables; what is written from here on goes into them.
    pub(super) async fn begin(client: &Client) -> Result<Staging, Fault> {
        let tables: Vec<&str> = TABLES.to_vec();
        // A name has 63 octets at most.
        let names = "WITH n AS (SELECT current_schema()::text AS read, left(current_schema()::text, 50) || '_import' AS beside) \
                     SELECT quote_ident(read), quote_ident(beside), beside, \
                     EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = beside), \
                     EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = beside \
                     AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relname = ANY($1)) FROM n";
        let row = client.query_one(names, &[&tables]).await?;
        let (read, beside, plain): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (there, foreign): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
        if foreign {
            return Err(Fault::Told(format!(
                "the schema {beside} holds tables of others, and the new month is put together there: give it another name"
            )));
        }
        if !there {
            client.batch_execute(&format!("CREATE SCHEMA {beside}")).await.map_err(|error| unmade(&beside, error))?;
        }
        let mut like = Vec::new();
        for sql in LIKE {
            for row in client.query(sql, &[&tables, &plain]).await? {
                like.push(row.try_get(0)?);
            }
        }
        let known = format!("SELECT subject, person, fingerprint FROM {read}.marks WHERE subject = ANY($1)");
        let staging = Staging { read, beside, known, like };
        staging.clear(client).await?;
        for table in TABLES {
            let (read, beside) = (&staging.read, &staging.beside);
            let sql = format!("CREATE TABLE {beside}.{table} (LIKE {read}.{table} INCLUDING ALL EXCLUDING INDEXES)");
            client.batch_execute(&sql).await?;
        }
        // What is not read may be lost with the server's machine.
        let path = format!("SET search_path = {}, {}; SET synchronous_commit = off", staging.beside, staging.read);
        client.batch_execute(&path).await?;
        Ok(staging)
    }

    /// Gives the tables what those that are read have, and everybody who is gone their number for a month more.
    pub(super) async fn finish(&self, client: &Client, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Fault> {
        let Staging { read, beside, like, .. } = self;
        let gone = format!(
            "INSERT INTO {beside}.marks SELECT person, subject, NULL FROM {read}.marks held WHERE fingerprint IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {beside}.marks new WHERE new.person = held.person)"
        );
        let vacuum = TABLES.map(|table| format!("VACUUM (FREEZE, ANALYZE) {beside}.{table}"));
        let steps: Vec<&String> = std::iter::once(&gone).chain(like).chain(&vacuum).collect();
        let all = steps.len() as u64;
        for (done, step) in (0..).zip(steps) {
            progress(done, all);
            client.batch_execute(step).await?;
        }
        progress(all, all);
        Ok(())
    }

    /// Puts the tables in the place of those that are read.
    pub(super) async fn swap(&self, transaction: &Transaction<'_>, as_of: Month, last: i64) -> Result<(), Fault> {
        let Staging { read, beside, .. } = self;
        let old = TABLES.map(|table| format!("{read}.{table}")).join(", ");
        let moved: String =
            TABLES.iter().map(|table| format!("ALTER TABLE {beside}.{table} SET SCHEMA {read}; ")).collect();
        let sql = format!(
            "SET LOCAL lock_timeout = '100ms'; SET LOCAL synchronous_commit = on; \
             LOCK TABLE {old} IN ACCESS EXCLUSIVE MODE; DROP TABLE {old}; {moved}"
        );
        transaction.batch_execute(&sql).await?;
        let meta = format!("UPDATE {read}.meta SET as_of = $1, seed = NULL, numbers = $2");
        transaction.execute(&meta, &[&as_of.ordinal(), &last]).await?;
        Ok(())
    }

    /// Deletes the new tables: nothing of them is read.
    pub(super) async fn clear(&self, client: &Client) -> Result<(), Fault> {
        let tables = TABLES.map(|table| format!("{}.{table}", self.beside)).join(", ");
        client.batch_execute(&format!("DROP TABLE IF EXISTS {tables}")).await?;
        self.end(client).await
    }

    /// What is asked from here on is asked of the tables that are read.
    pub(super) async fn end(&self, client: &Client) -> Result<(), Fault> {
        let path = format!("SET search_path = {}; RESET synchronous_commit", self.read);
        Ok(client.batch_execute(&path).await?)
    }
}

/// A user may own tables and yet make no schema.
fn unmade(beside: &str, error: tokio_postgres::Error) -> Fault {
    match error.as_db_error() {
        Some(said) => Fault::Told(format!(
            "the schema {beside}, where a new month is put together, cannot be made: {}. Let another make it: CREATE SCHEMA \
             {beside} AUTHORIZATION this user",
            said.message()
        )),
        None => error.into(),
    }
}
