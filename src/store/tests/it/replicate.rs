//! A log copied from another store.

use store::replicate::ReplicaError;
use store::{BrokerRole, Store};

use crate::support::*;

fn slave() -> Place {
    let mut place = Place::small();
    place.config.broker_role = BrokerRole::Slave;
    place
}

/// Copies everything from `from` on, a file at a time.
fn copy(master: &Store, slave: &Store, from: i64) -> i64 {
    let mut at = from;
    while let Some(bytes) = master.log_bytes(at, usize::MAX).unwrap() {
        slave.append_replicated(at, &bytes).unwrap();
        at += bytes.len() as i64;
    }
    at
}

fn fill(store: &Store, count: usize) {
    for i in 0..count {
        put(store, "T", i as i32 % 2, format!("message {i}").as_bytes());
    }
}

#[test]
fn a_copy_reads_like_its_master_and_can_take_its_place() {
    let (first, mut second) = (Place::small(), slave());
    let (master, copied) = (first.start(), second.start());
    fill(&master, 100);
    let end = copy(&master, &copied, 0);
    assert_eq!(end, master.appended().get());
    settle(&copied);
    settle(&master);
    for queue in 0..2 {
        assert_eq!(copied.max_offset("T", queue), 50);
        let read = |store: &Store| read_all(store, "T", queue);
        assert_eq!(read(&copied), read(&master));
    }
    for name in first.names("commitlog") {
        let path = format!("commitlog/{name}");
        if second.names("commitlog").contains(&name) {
            assert!(first.file(&path) == second.file(&path), "{name}");
        }
    }
    copied.shutdown().unwrap();
    drop(copied);
    second.config.broker_role = BrokerRole::AsyncMaster;
    let promoted = second.start();
    assert_eq!(put(&promoted, "T", 1, b"next").queue_offset, 50);
    promoted.shutdown().unwrap();
    master.shutdown().unwrap();
}

#[test]
fn a_copy_may_begin_with_a_later_file() {
    let (first, second) = (Place::small(), slave());
    let (master, copied) = (first.start(), second.start());
    fill(&master, 100);
    let from = 2 * 4096;
    copy(&master, &copied, from);
    settle(&copied);
    assert_eq!(copied.min_physical_offset(), from);
    assert_eq!(copied.max_offset("T", 0), 50);
    assert!(copied.min_offset("T", 0) > 0);
    copied.flush().unwrap();
    copied.shutdown().unwrap();
    drop(copied);
    assert!(!second.names("commitlog").contains(&"00000000000000000000".to_owned()));
    let again = second.start();
    assert_eq!(again.appended().get(), master.appended().get());
    fill(&master, 50);
    copy(&master, &again, again.appended().get());
    settle(&again);
    assert_eq!(again.max_offset("T", 1), 75);
    again.shutdown().unwrap();
    master.shutdown().unwrap();
}

#[test]
fn what_is_no_record_in_its_place_is_refused() {
    let (first, second) = (Place::small(), slave());
    let (master, copied) = (first.start(), second.start());
    fill(&master, 3);
    let bytes = master.log_bytes(0, usize::MAX).unwrap().unwrap();
    let refused = |offset, bytes: &[u8]| copied.append_replicated(offset, bytes).unwrap_err();
    assert!(matches!(refused(0, &bytes[..bytes.len() - 1]), ReplicaError::Records(_)));
    assert!(matches!(refused(4096, &bytes), ReplicaError::Records(4096)));
    assert!(matches!(refused(-4096, &bytes), ReplicaError::Records(_)));
    assert!(matches!(refused(0, &[0; 200]), ReplicaError::Records(0)));
    assert_eq!(copied.appended().get(), 0);
    copied.append_replicated(0, &bytes).unwrap();
    assert!(matches!(refused(0, &bytes), ReplicaError::OutOfStep { .. }));
    assert!(matches!(master.append_replicated(0, &bytes), Err(ReplicaError::NoSlave)));
    assert!(copied.log_holds(0, &bytes).unwrap());
    assert!(!copied.log_holds(1, &bytes).unwrap());
    copied.shutdown().unwrap();
    assert!(matches!(refused(bytes.len() as i64, &bytes), ReplicaError::NoSlave));
    master.shutdown().unwrap();
}

#[test]
fn a_slave_in_reach_is_connected_and_near() {
    let mut place = Place::small();
    place.config.ha_slave_fallbehind_max = 100;
    let master = place.start();
    assert!(!master.slave_in_reach(0));
    let seat = master.seat_slave(0);
    assert!(master.slave_in_reach(99));
    assert!(!master.slave_in_reach(100));
    seat.reported(50);
    assert!(master.slave_in_reach(149));
    assert_eq!((master.replicated().get(), master.slave_count()), (0, 1));
    seat.acknowledged(50);
    drop(seat);
    assert!(!master.slave_in_reach(60));
    assert_eq!((master.replicated().get(), master.slave_count()), (50, 0));
    master.shutdown().unwrap();
}
