//! A person as two runs of bytes, which is how a database holds them: whatever it is, it seals them and knows nothing of them.
//!
//! ```text
//!   identity   tag, length, bytes; …        1 ID number   2 social security number   3 kind   4, 5 accounts in fen, 8 bytes
//!                                           6 card   7 personal number
//!   payments   insurance, count, rows; …    a row: months since the one before, then base, personal and employer's share, each as
//!                                           the difference from the row before; LEB128, differences folded (0, −1, 1, −2, …)
//! ```
//!
//! A row like the one before takes 4 bytes, so 40 years of five insurances are 10 KB. Two, since a verification needs the
//! identity alone, and takes the same time whatever was paid.

use zeroize::Zeroizing;

use crate::facts::{CitizenId, Fen, Insurance, Month, Payment, Secret};

use super::{Identifiers, Insured, InsuredKind};

/// Payments of one insurance at most: more months than there are between the years 0 and 9999 cannot be.
const MOST_ROWS: u64 = 120_000;

/// Bytes that are no person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the records hold a value that is not written as this version writes it")]
pub struct Unreadable;

/// A person without their payments.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) id: Secret<CitizenId>,
    pub(super) number: Secret<String>,
    /// Without the password, which is kept elsewhere.
    pub(super) identifiers: Identifiers,
    pub(super) kind: InsuredKind,
    pub(super) pension: Fen,
    pub(super) medical: Fen,
}

impl Identity {
    /// Of a whole person.
    pub(super) fn of(insured: &Insured) -> Identity {
        let Insured { id, number, identifiers, kind, pension, medical, .. } = insured.clone();
        Identity { id, number, identifiers: Identifiers { password: None, ..identifiers }, kind, pension, medical }
    }

    /// As bytes.
    pub(super) fn pack(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        let mut field = |tag: u8, value: &[u8]| {
            bytes.push(tag);
            bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
            bytes.extend(value.iter().take(usize::from(u8::MAX)));
        };
        field(1, self.id.reveal().as_str().as_bytes());
        field(2, self.number.reveal().as_bytes());
        field(3, self.kind.name().as_bytes());
        field(4, &self.pension.0.to_be_bytes());
        field(5, &self.medical.0.to_be_bytes());
        let Identifiers { card, personal_number, .. } = &self.identifiers;
        card.iter().for_each(|card| field(6, card.reveal().as_bytes()));
        personal_number.iter().for_each(|number| field(7, number.reveal().as_bytes()));
        bytes
    }

    /// Back from bytes. Tags that it does not know are passed over.
    pub(super) fn unpack(mut bytes: &[u8]) -> Result<Identity, Unreadable> {
        let (mut id, mut number, mut kind, mut pension, mut medical) = (None, None, None, None, None);
        let mut identifiers = Identifiers::default();
        let text = |value: &[u8]| std::str::from_utf8(value).map(str::to_owned).map_err(|_| Unreadable);
        let fen = |value: &[u8]| value.try_into().map(|value| Fen(i64::from_be_bytes(value))).map_err(|_| Unreadable);
        while let Some(([tag, length], rest)) = bytes.split_first_chunk::<2>() {
            let (value, rest) = rest.split_at_checked(usize::from(*length)).ok_or(Unreadable)?;
            bytes = rest;
            match tag {
                1 => id = CitizenId::stored(value),
                2 => number = Some(Secret::new(text(value)?)),
                3 => kind = InsuredKind::ALL.into_iter().find(|kind| kind.name().as_bytes() == value),
                4 => pension = Some(fen(value)?),
                5 => medical = Some(fen(value)?),
                6 => identifiers.card = Some(Secret::new(text(value)?)),
                7 => identifiers.personal_number = Some(Secret::new(text(value)?)),
                _ => {}
            }
        }
        let whole = (id, number, kind, pension, medical);
        let (Some(id), Some(number), Some(kind), Some(pension), Some(medical)) = whole else {
            return Err(Unreadable);
        };
        if bytes.is_empty() {
            Ok(Identity { id: Secret::new(id), number, identifiers, kind, pension, medical })
        } else {
            Err(Unreadable)
        }
    }
}

/// All payments as bytes.
pub(super) fn pack_payments(payments: &[Vec<Payment>; 5]) -> Zeroizing<Vec<u8>> {
    let rows: usize = payments.iter().map(Vec::len).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 + rows * 6));
    for (insurance, paid) in (0_u64..).zip(payments).filter(|(_, paid)| !paid.is_empty()) {
        put(&mut bytes, insurance);
        put(&mut bytes, paid.len() as u64);
        let mut before = [0_i64; 4];
        for payment in paid {
            let row = [i64::from(payment.month.ordinal()), payment.base.0, payment.personal.0, payment.employer.0];
            for (value, before) in row.iter().zip(&before) {
                put(&mut bytes, fold(value.wrapping_sub(*before)));
            }
            before = row;
        }
    }
    bytes
}

/// All payments from bytes.
pub(super) fn unpack_payments(mut bytes: &[u8]) -> Result<[Vec<Payment>; 5], Unreadable> {
    let mut payments: [Vec<Payment>; 5] = Default::default();
    while !bytes.is_empty() {
        let insurance = usize::try_from(take(&mut bytes)?).map_err(|_| Unreadable)?;
        let of_it = payments.get_mut(insurance).filter(|paid| paid.is_empty()).ok_or(Unreadable)?;
        let rows = take(&mut bytes)?;
        // Each row has four bytes at least.
        if rows > MOST_ROWS || rows.saturating_mul(4) > bytes.len() as u64 {
            return Err(Unreadable);
        }
        of_it.reserve_exact(usize::try_from(rows).map_err(|_| Unreadable)?);
        let mut row = [0_i64; 4];
        for _ in 0..rows {
            for value in &mut row {
                *value = value.wrapping_add(unfold(take(&mut bytes)?));
            }
            let [month, base, personal, employer] = row;
            let month = i32::try_from(month).ok().and_then(Month::of_ordinal).ok_or(Unreadable)?;
            of_it.push(Payment { month, base: Fen(base), personal: Fen(personal), employer: Fen(employer) });
        }
    }
    Ok(payments)
}

/// The place of an insurance among a person's payments.
pub(super) fn paid_into(payments: &[Vec<Payment>; 5], insurance: Insurance) -> &[Payment] {
    let of_all = Insurance::ALL.iter().zip(payments);
    of_all.filter(|(other, _)| **other == insurance).map(|(_, paid)| paid.as_slice()).next().unwrap_or(&[])
}

/// LEB128.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first().ok_or(Unreadable)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Unreadable)
}

/// Small numbers of either sign become small ones.
const fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unfold(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::demo::{self, DemoOptions};
    use proptest::prelude::*;

    #[test]
    fn everybody_comes_back_as_they_were_and_takes_little_room() {
        let options = DemoOptions { people: 100, ..DemoOptions::as_of(Month::new(2026, 9).unwrap()) };
        let (mut rows, mut length) = (0, 0);
        for insured in demo::people(options) {
            let identity = Identity::of(&insured).pack();
            let payments = pack_payments(&insured.payments);
            rows += insured.all_payments().count();
            length += payments.len();
            let Identity { id, number, identifiers, kind, pension, medical } = Identity::unpack(&identity).unwrap();
            let payments = unpack_payments(&payments).unwrap();
            // A query password is kept elsewhere.
            let identifiers = Identifiers { password: insured.identifiers.password.clone(), ..identifiers };
            assert!(Insured { id, number, identifiers, kind, pension, medical, payments } == insured);
        }
        assert!(length < rows * 5, "{length} bytes for {rows} payments");
    }

    #[test]
    fn any_amount_comes_back() {
        let month = |at: i32| Month::of_ordinal(at).unwrap();
        for amounts in [[0, i64::MAX, i64::MIN], [i64::MIN, -1, i64::MAX]] {
            let [base, personal, employer] = amounts.map(Fen);
            let paid = [0, 1, 119_999].map(|at| Payment { month: month(at), base, personal, employer }).to_vec();
            let payments = [Vec::new(), paid, Vec::new(), Vec::new(), Vec::new()];
            assert_eq!(unpack_payments(&pack_payments(&payments)).unwrap(), payments);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Identity::unpack(&bytes).is_ok(), unpack_payments(&bytes).is_ok());
        }
    }
}
