//! A thousand calls, ended in every way, and no trace of them (L03 freeswitch#1311, L04 freeswitch#2874).

use std::time::Duration;

use hotline::sip::{CallEvent, Refusal};

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, event};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_leave_no_dialog_and_no_transaction() {
    let mut house = House::with(|config| config.t1 = Duration::from_millis(50)).await;
    for turn in 0..1000 {
        let mut phone = Phone::new(house.address).await;
        phone.send(&phone.invite(OFFER)).await;
        let incoming = house.call().await;
        match turn % 5 {
            0 => {
                incoming.reject(Refusal::Busy);
                phone.status(486).await;
                phone.ack_refusal().await;
            }
            1 => {
                phone.send(&phone.request("CANCEL", 1, &phone.branch, "", "")).await;
                phone.status(487).await;
                phone.ack_refusal().await;
            }
            2 => drop(incoming),
            way => {
                let mut call = incoming.accept(ANSWER.to_owned());
                phone.status(200).await;
                phone.ack("").await;
                assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
                if way == 3 {
                    phone.send(&phone.request("BYE", 2, "", "", "")).await;
                    phone.status(200).await;
                } else {
                    call.hang_up();
                    let bye = phone.request_of("BYE").await;
                    phone.answer(&bye, "200 OK", "", "").await;
                }
                while call.next_event().await.is_some() {}
            }
        }
    }
    let gone = async {
        loop {
            let standing = house.agent.standing();
            if (standing.calls, standing.dialogs, standing.transactions, standing.remembered) == (0, 0, 0, 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, gone).await;
    assert!(waited.is_ok(), "still there: {:?}", house.agent.standing());
}
