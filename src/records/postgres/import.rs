//! A month of records into a PostgreSQL database, for an import that waits for each step.
//!
//! ```text
//!   an import ──▶ ServerTarget   one connection, which writes alone and may take as long as it takes
//!                   begin ──▶ what lies open is sealed ──▶ ServerMonth ──▶ Staging (writing): the side that is not read
//!                   give  ──▶ initial passwords, sealed, once that side is read
//! ```

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::schema::{self, SchemaFault};
use super::writing::{self, Staging};
use super::{PostgresOptions, rekeying};
use crate::facts::{Month, Secret};
use crate::records::import::{ImportError, NewMonth, Target};
use crate::records::keyed::{Keyed, Pepper};
use crate::records::password::StoredPassword;
use crate::records::sides::{Difference, WriteError};
use crate::records::{Insured, OpenError, Seal, columns};

/// A server's records, that nobody else writes meanwhile.
pub(in crate::records) struct ServerTarget {
    runtime: Runtime,
    client: Client,
    server: String,
    seal: Seal,
    pepper: Pepper,
}

impl ServerTarget {
    /// Connects, brings the tables up to date, and takes the lock of those who write.
    ///
    /// # Errors
    /// [`WriteError`]: it cannot be reached, refuses, or another writes.
    pub(in crate::records) fn open(options: &PostgresOptions) -> Result<ServerTarget, WriteError> {
        let (server, seal) = (options.url.to_string(), options.seal.for_database());
        let refused = |why: String| WriteError::Open(OpenError::Server { server: server.clone(), why });
        let mut config = options.config().map_err(refused)?;
        // A server that is at its disk for long does not read meanwhile.
        config.tcp_user_timeout(Duration::ZERO);
        let tls = options.connector(&config).map_err(|fault| refused(fault.to_string()))?;
        // One that carries the connection also while nothing is waited for.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        let connected = runtime.block_on(schema::connect(&config, tls, options.deadline));
        let (mut client, _) = connected.map_err(|error| schema::unopened(server.clone(), error))?;
        let prepared = runtime.block_on(async {
            let pepper = schema::prepare(&mut client, &seal).await?;
            schema::write_alone(&client, options.patience).await?;
            Ok(pepper)
        });
        let pepper = prepared.map_err(|fault| told(&runtime, &client, &server, fault))?;
        Ok(ServerTarget { runtime, client, server, seal, pepper })
    }
}

impl Drop for ServerTarget {
    fn drop(&mut self) {
        self.runtime.block_on(schema::let_go(&self.client));
    }
}

fn told(runtime: &Runtime, client: &Client, server: &str, fault: SchemaFault) -> WriteError {
    match runtime.block_on(schema::named(client, fault)) {
        SchemaFault::Busy => WriteError::Busy(server.to_owned()),
        fault => schema::unopened(server.to_owned(), fault.remote()).into(),
    }
}

impl ServerTarget {
    fn told(&self, fault: SchemaFault) -> WriteError {
        told(&self.runtime, &self.client, &self.server, fault)
    }
}

impl Target for ServerTarget {
    fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    fn held(&mut self) -> Result<(Option<Month>, bool), WriteError> {
        let held = self.runtime.block_on(async {
            let row = self.client.query_one("SELECT as_of, seed IS NOT NULL FROM meta", &[]).await?;
            let as_of: Option<i32> = row.try_get(0)?;
            Ok((as_of.and_then(Month::of_ordinal), row.try_get(1)?))
        });
        held.map_err(|fault| self.told(fault))
    }

    fn begin(&mut self) -> Result<Box<dyn NewMonth + '_>, WriteError> {
        let ServerTarget { runtime, client, server, seal, pepper } = self;
        let (runtime, server, seal, pepper): (&Runtime, &str, &Seal, &Pepper) = (runtime, server, seal, pepper);
        let begun = runtime.block_on(async {
            rekeying::seal_what_is_open(client, seal).await?;
            // Where all is sealed now, nothing that lies open is believed from here on.
            Pepper::open(seal, &schema::stored_pepper(client).await?)?;
            writing::begin(client).await
        });
        let side = begun.map_err(|fault| told(runtime, client, server, fault))?;
        Ok(Box::new(ServerMonth { runtime, server, seal, staging: Staging::of(client, seal, pepper, side) }))
    }

    fn give(&mut self, passwords: &[(Keyed, Secret<String>)]) -> Result<(), WriteError> {
        let sql = "INSERT INTO passwords SELECT subject, hash, true, 0 \
                   FROM unnest($1::bytea[], $2::bytea[]) AS given (subject, hash) \
                   ON CONFLICT (subject) DO UPDATE SET hash = excluded.hash WHERE passwords.initial";
        let subjects: Vec<&[u8]> = passwords.iter().map(|(subject, _)| subject.0.as_slice()).collect();
        let sealed = passwords.iter().map(|(subject, hash)| columns::sealed_password(&self.seal, subject, hash));
        let sealed: Vec<Vec<u8>> = sealed.collect::<Result<_, _>>()?;
        let given = self.runtime.block_on(self.client.execute(sql, &[&subjects, &sealed]));
        given.map(drop).map_err(|error| self.told(error.into()))
    }
}

/// A month beside the one that is read.
struct ServerMonth<'a> {
    runtime: &'a Runtime,
    server: &'a str,
    seal: &'a Seal,
    staging: Staging<'a>,
}

impl ServerMonth<'_> {
    fn told(&self, fault: SchemaFault) -> WriteError {
        told(self.runtime, self.staging.client(), self.server, fault)
    }
}

impl NewMonth for ServerMonth<'_> {
    fn add(&mut self, insured: Insured) -> Result<(), WriteError> {
        self.runtime.block_on(self.staging.add(&insured)).map_err(|fault| self.told(fault))
    }

    fn difference(&mut self) -> Result<Difference, WriteError> {
        self.runtime.block_on(self.staging.difference()).map_err(|fault| self.told(fault))
    }

    fn passwords(&mut self, subjects: &[Keyed]) -> Result<Vec<Option<StoredPassword>>, ImportError> {
        let hashes: Vec<&[u8]> = subjects.iter().map(|subject| subject.0.as_slice()).collect();
        let found = self.runtime.block_on(self.staging.passwords(&hashes));
        let found: HashMap<Vec<u8>, (Vec<u8>, bool)> = found.map_err(|fault| self.told(fault))?;
        let opened = subjects.iter().map(|subject| {
            let Some((stored, initial)) = found.get(subject.0.as_slice()) else { return Ok(None) };
            columns::password(self.seal, subject, stored, *initial).map(Some).map_err(ImportError::Password)
        });
        opened.collect()
    }

    fn swap(&mut self, as_of: Month) -> Result<(), WriteError> {
        self.runtime.block_on(self.staging.swap(as_of, None)).map_err(|fault| self.told(fault))
    }

    fn end(self: Box<Self>) -> Result<(), WriteError> {
        self.runtime.block_on(self.staging.end()).map_err(|fault| self.told(fault))
    }
}
