use protocol::Language;

use super::*;

const TRAITS: Traits = Traits {
    consume_type: Some(ConsumeType::Passively),
    message_model: Some(MessageModel::Clustering),
    consume_from_where: Some(ConsumeFromWhere::LastOffset),
};

fn member(id: u64, client_id: &str, seen_ms: i64) -> Member<u64> {
    let client_id = client_id.into();
    Member { id, connection: id, client_id, language: Language::JAVA, version: 293, seen_ms }
}

fn subscription(topic: &str, sub_version: i64) -> SubscriptionData {
    SubscriptionData { topic: topic.to_owned(), sub_version, ..SubscriptionData::default() }
}

fn heartbeat(consumers: &Consumers<u64>, id: u64, topics: &[&str]) -> Option<Vec<u64>> {
    let subscriptions: Vec<_> = topics.iter().map(|t| subscription(t, 1)).collect();
    consumers.register("g", &member(id, &format!("c{id}"), 0), TRAITS, &subscriptions)
}

#[test]
fn all_are_told_of_new_members_and_topics_only() {
    let consumers = Consumers::default();
    assert_eq!(heartbeat(&consumers, 1, &["T"]), Some(vec![1]));
    assert_eq!(heartbeat(&consumers, 1, &["T"]), None);
    assert_eq!(heartbeat(&consumers, 2, &["T"]), Some(vec![1, 2]));
    assert_eq!(heartbeat(&consumers, 2, &["T", "U"]), Some(vec![1, 2]));
    assert_eq!(heartbeat(&consumers, 2, &["U"]), Some(vec![1, 2]));
    assert_eq!(heartbeat(&consumers, 2, &["T"]), Some(vec![1, 2]), "one came, one went");
    assert_eq!(heartbeat(&consumers, 2, &["T"]), None);
    assert_eq!(consumers.client_ids("g"), ["c1", "c2"]);
}

#[test]
fn a_newer_subscription_is_taken_silently_and_an_older_one_is_not() {
    let consumers = Consumers::default();
    let version = |v| {
        let one = member(1, "c", 0);
        consumers.register("g", &one, TRAITS, &[subscription("T", v)]);
        match consumers.lookup("g", "T") {
            Lookup::Group(_, Some(subscription)) => subscription.sub_version,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((version(5), version(4), version(6)), (5, 5, 6));
}

#[test]
fn the_last_heartbeat_says_how_the_group_consumes() {
    let consumers = Consumers::default();
    heartbeat(&consumers, 1, &["T"]);
    let traits = Traits { message_model: Some(MessageModel::Broadcasting), ..TRAITS };
    consumers.register("g", &member(2, "d", 0), traits, &[subscription("T", 1)]);
    assert!(matches!(
        consumers.lookup("g", "none"),
        Lookup::Group(Some(MessageModel::Broadcasting), None)
    ));
    assert_eq!(consumers.view("g").unwrap().traits, traits);
    assert!(matches!(consumers.lookup("h", "T"), Lookup::NoGroup));
}

#[test]
fn those_who_stay_learn_of_those_who_leave() {
    let consumers = Consumers::default();
    heartbeat(&consumers, 1, &["T"]);
    heartbeat(&consumers, 2, &["T"]);
    heartbeat(&consumers, 3, &["T"]);
    let left = consumers.unregister("g", 2).unwrap();
    assert_eq!((left.emptied, left.rest), (false, vec![1, 3]));
    let left = consumers.closed(3);
    assert_eq!((left.len(), left[0].emptied, &left[0].rest), (1, false, &vec![1]));
    assert!(consumers.closed(3).is_empty());
    let left = consumers.closed(1);
    assert!(left[0].emptied && left[0].rest.is_empty());
    assert!(consumers.view("g").is_none());
    assert!(consumers.unregister("g", 1).is_none());
    assert!(consumers.tables.read().groups_of.is_empty());
}

#[test]
fn a_connection_may_stand_for_several_groups() {
    let consumers = Consumers::default();
    for group in ["a", "b"] {
        consumers.register(group, &member(7, "c", 0), TRAITS, &[subscription("T", 1)]);
    }
    let mut groups = consumers.groups_of_topic("T");
    groups.sort();
    assert_eq!(groups, ["a", "b"]);
    assert_eq!(consumers.closed(7).len(), 2);
}

#[test]
fn silent_members_expire_and_nobody_is_told() {
    let consumers = Consumers::default();
    consumers.register("g", &member(1, "a", 0), TRAITS, &[]);
    consumers.register("g", &member(2, "b", 10), TRAITS, &[]);
    assert_eq!(consumers.sweep(120_000), (vec![], vec![]));
    assert_eq!(consumers.sweep(120_001), (vec![1], vec![]));
    let (connections, emptied) = consumers.sweep(120_011);
    assert_eq!((connections, emptied.len()), (vec![2], 1));
    assert!(consumers.closed(2).is_empty());
}

#[test]
fn another_client_id_on_a_connection_replaces_the_old_one() {
    let consumers = Consumers::default();
    consumers.register("g", &member(1, "a", 0), TRAITS, &[]);
    assert!(consumers.register("g", &member(1, "b", 0), TRAITS, &[]).is_none());
    assert!(consumers.find("g", "a").is_none());
    assert_eq!(consumers.find("g", "b").unwrap().id, 1);
}

#[test]
fn a_connection_is_in_groups_up_to_a_limit() {
    let consumers = Consumers::default();
    let join = |group: &str, id: u64| {
        consumers.register(group, &member(id, "c", 0), TRAITS, &[subscription("T", 1)])
    };
    for n in 0..CLIENT_GROUPS_MAX {
        assert!(join(&format!("g{n}"), 1).is_some());
    }
    assert_eq!(join("one more", 1), None);
    assert!(consumers.view("one more").is_none());
    assert_eq!(join("one more", 2), Some(vec![2]));
    consumers.unregister("g0", 1);
    assert_eq!(join("one more", 1), Some(vec![1, 2]));
}
