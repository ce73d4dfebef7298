//! Calls at once and calls a second, of a trunk, of a strange source, in all: what is over is answered 503 with Retry-After
//! (Z05 livekit/sip#3847: a provider that brings many calls is not an attacker, and not told that somebody is busy).

use hotline::sip::door::admission::Allowance;
use hotline::sip::door::{Refusals, TrunkRule, TrunkStanding};
use hotline::sip::{AgentConfig, Refusal};

use super::sip_client::{House, OFFER, Phone, field};
use crate::support::trunk::from;

const ONE: &str = "127.0.0.2";
const TWO: &str = "127.0.0.3";
const STRANGER: &str = "127.0.0.9";

fn trunk(name: &str, address: &str, calls: Option<usize>, rate: Option<u32>) -> TrunkRule {
    TrunkRule { allowance: Allowance { calls, rate }, ..from(name, &[address]) }
}

async fn house(change: impl FnOnce(&mut AgentConfig)) -> House {
    House::with(change).await
}

/// Calls, and tells whether the call has come in; a refusal must say when to try again.
async fn comes_in(house: &mut House, phone: &mut Phone) -> bool {
    phone.send(&phone.invite(OFFER)).await;
    tokio::select! {
        call = house.call() => {
            call.ring();
            // Held until the house is gone.
            std::mem::forget(call);
            phone.status(180).await;
            true
        }
        refused = phone.response() => {
            assert!(refused.starts_with("SIP/2.0 503 ") && field(&refused, "Retry-After") == "10", "{refused}");
            false
        }
    }
}

async fn come_in(house: &mut House, address: &str, calls: usize) -> usize {
    let mut taken = 0;
    for _ in 0..calls {
        let mut phone = Phone::at(address, house.address).await;
        taken += usize::from(comes_in(house, &mut phone).await);
    }
    taken
}

#[tokio::test]
async fn a_trunk_has_so_many_calls_at_once() {
    let mut house =
        house(|config| config.door.trunks = vec![trunk("one", ONE, Some(2), None), trunk("two", TWO, Some(5), None)])
            .await;
    assert_eq!(come_in(&mut house, ONE, 4).await, 2);
    assert_eq!((come_in(&mut house, TWO, 5).await, come_in(&mut house, STRANGER, 3).await), (5, 3));
    let standing = |name: &str, calls, refused| TrunkStanding { name: name.into(), calls, refused };
    assert_eq!(house.agent.trunks(), [standing("one", 2, 2), standing("two", 5, 0)]);
    assert_eq!(house.agent.refusals(), Refusals::default(), "no ban tool is told of a trunk");
    let mut asks = Phone::at(ONE, house.address).await;
    asks.send(&asks.request("OPTIONS", 1, "", "", "")).await;
    asks.status(200).await;
}

#[tokio::test]
async fn a_place_that_is_free_again_is_taken_again() {
    let mut house = house(|config| config.door.trunks = vec![trunk("one", ONE, Some(1), None)]).await;
    for _ in 0..3 {
        let mut phone = Phone::at(ONE, house.address).await;
        phone.send(&phone.invite(OFFER)).await;
        let call = house.call().await;
        assert_eq!(come_in(&mut house, ONE, 1).await, 0);
        call.reject(Refusal::Busy);
        phone.status(486).await;
        phone.ack_refusal().await;
        house.stands(|now| now.calls == 0).await;
        assert_eq!(house.agent.trunks()[0].calls, 0);
    }
}

#[tokio::test]
async fn a_trunk_brings_so_many_calls_a_second() {
    let mut house =
        house(|config| config.door.trunks = vec![trunk("one", ONE, None, Some(3)), trunk("two", TWO, None, Some(3))])
            .await;
    let begun = std::time::Instant::now();
    let taken = come_in(&mut house, ONE, 40).await;
    let most = 4 + begun.elapsed().as_secs() as usize * 3 + 3;
    assert!((3..=most).contains(&taken), "{taken} of 40");
    assert_eq!(come_in(&mut house, TWO, 3).await, 3, "another trunk has not paid for it");
    assert_eq!(house.agent.refusals(), Refusals::default());
}

#[tokio::test]
async fn an_invite_that_comes_again_is_the_same_call() {
    let mut house = house(|config| config.door.trunks = vec![trunk("one", ONE, Some(1), Some(1))]).await;
    let mut phone = Phone::at(ONE, house.address).await;
    let invite = phone.invite(OFFER);
    for _ in 0..5 {
        phone.send(&invite).await;
    }
    let call = house.call().await;
    call.ring();
    for _ in 0..3 {
        phone.send(&invite).await;
        let answer = phone.response().await;
        assert!(answer.starts_with("SIP/2.0 180 "), "{answer}");
    }
    assert_eq!(house.agent.trunks()[0].refused, 0);
}

#[tokio::test]
async fn a_strange_source_has_its_own_share() {
    let mut house =
        house(|config| config.door.stranger_allowance = Allowance { calls: Some(2), rate: Some(100) }).await;
    assert_eq!(come_in(&mut house, STRANGER, 4).await, 2);
    assert_eq!(come_in(&mut house, TWO, 2).await, 2);
    assert_eq!(house.agent.refusals().too_many, 2);
}

#[tokio::test]
async fn all_together_bring_so_many_calls_a_second() {
    let mut house = house(|config| config.door.rate = Some(2)).await;
    let begun = std::time::Instant::now();
    let taken = come_in(&mut house, ONE, 20).await + come_in(&mut house, TWO, 20).await;
    let most = 3 + begun.elapsed().as_secs() as usize * 2 + 2;
    assert!((2..=most).contains(&taken), "{taken} of 40");
    assert_eq!(house.agent.refusals(), Refusals::default(), "the house being full is nobody's attack");
}
