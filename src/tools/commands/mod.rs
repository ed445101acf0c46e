//! All commands, a file each.

use crate::command::Command;

mod allocate_mq;
mod broker_consume_stats;
mod broker_status;
mod check_msg_send_rt;
mod clean_expired_cq;
mod clean_unused_topic;
mod clone_group_offset;
mod cluster_list;
mod cluster_rt;
mod consume_message;
mod consumer;
mod consumer_connection;
mod consumer_progress;
mod consumer_status;
mod decode_message_id;
mod delete_kv_config;
mod delete_sub_group;
mod delete_topic;
mod get_broker_config;
mod get_consumer_status;
mod get_namesrv_config;
mod print_msg;
mod print_msg_by_queue;
mod producer_connection;
mod query_cq;
mod query_msg_by_id;
mod query_msg_by_key;
mod query_msg_by_offset;
mod query_msg_by_unique_key;
mod reset_offset_by_time;
mod reset_offset_by_time_old;
mod send_message;
mod send_msg_status;
mod start_monitoring;
mod stats_all;
mod topic_cluster_list;
mod topic_list;
mod topic_route;
mod topic_status;
mod update_broker_config;
mod update_kv_config;
mod update_namesrv_config;
mod update_order_conf;
mod update_sub_group;
mod update_topic;
mod update_topic_perm;
mod wipe_write_perm;

/// The commands, in the order of 4.4.0's list.
pub const COMMANDS: &[Command] = &[
    update_topic::COMMAND,
    delete_topic::COMMAND,
    update_sub_group::COMMAND,
    delete_sub_group::COMMAND,
    update_broker_config::COMMAND,
    update_topic_perm::COMMAND,
    topic_route::COMMAND,
    topic_status::COMMAND,
    topic_cluster_list::COMMAND,
    broker_status::COMMAND,
    query_msg_by_id::COMMAND,
    query_msg_by_key::COMMAND,
    query_msg_by_unique_key::COMMAND,
    query_msg_by_offset::COMMAND,
    print_msg::COMMAND,
    print_msg_by_queue::COMMAND,
    send_msg_status::COMMAND,
    broker_consume_stats::COMMAND,
    producer_connection::COMMAND,
    consumer_connection::COMMAND,
    consumer_progress::COMMAND,
    consumer_status::COMMAND,
    clone_group_offset::COMMAND,
    cluster_list::COMMAND,
    topic_list::COMMAND,
    update_kv_config::COMMAND,
    delete_kv_config::COMMAND,
    wipe_write_perm::COMMAND,
    reset_offset_by_time::COMMAND,
    update_order_conf::COMMAND,
    clean_expired_cq::COMMAND,
    clean_unused_topic::COMMAND,
    start_monitoring::COMMAND,
    stats_all::COMMAND,
    allocate_mq::COMMAND,
    check_msg_send_rt::COMMAND,
    cluster_rt::COMMAND,
    get_namesrv_config::COMMAND,
    update_namesrv_config::COMMAND,
    get_broker_config::COMMAND,
    query_cq::COMMAND,
    send_message::COMMAND,
    consume_message::COMMAND,
];

/// Commands whose classes 4.4.0 has but does not offer. Ours can be called, and are not listed
/// either.
pub const UNLISTED: &[Command] = &[
    get_consumer_status::COMMAND,
    reset_offset_by_time_old::COMMAND,
    consumer::COMMAND,
    decode_message_id::COMMAND,
];
