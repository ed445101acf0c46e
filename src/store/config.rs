//! Settings of the store.

use config::{config_table, java_enum};

java_enum! {
    /// What a broker is to its replicas.
    pub enum BrokerRole {
        /// Takes messages, does not wait for replicas.
        #[default]
        AsyncMaster = "ASYNC_MASTER",
        /// Takes messages, waits until a replica has them.
        SyncMaster = "SYNC_MASTER",
        /// Copies a master.
        Slave = "SLAVE",
    }
}

java_enum! {
    /// When a message counts as stored.
    pub enum FlushDiskType {
        /// When it is in memory; the disk follows.
        #[default]
        AsyncFlush = "ASYNC_FLUSH",
        /// When it is on the disk.
        SyncFlush = "SYNC_FLUSH",
    }
}

/// Size of one consume queue entry; queue files hold whole entries.
const QUEUE_ENTRY_SIZE: i32 = 20;

config_table! {
    /// Files, flushing, retention and replication.
    pub struct StoreConfig(env) {
        /// Root of consume queues, index, `config/`, checkpoint, abort and lock file.
        @important @restart "storePathRootDir" store_path_root_dir: String =
            format!("{}/store", env.user_home()),
        /// Folder of the commit log. It does not follow `storePathRootDir`: set both.
        @important @restart "storePathCommitLog" store_path_commit_log: String =
            format!("{}/store/commitlog", env.user_home()),
        /// Size of a commit log file, in bytes.
        @restart "mapedFileSizeCommitLog" maped_file_size_commit_log: i32 = 1024 * 1024 * 1024,
        /// Size of a consume queue file, in bytes; used rounded up to whole entries of 20 bytes.
        @restart "mapedFileSizeConsumeQueue" maped_file_size_consume_queue: i32 =
            300_000 * QUEUE_ENTRY_SIZE,
        /// Keep a second file beside each consume queue, with the filter bit map of its messages.
        @restart "enableConsumeQueueExt" enable_consume_queue_ext: bool = false,
        /// Size of such a second file, in bytes. Mind the spelling: `mapped`, where its neighbours
        /// have `maped`.
        @restart "mappedFileSizeConsumeQueueExt" mapped_file_size_consume_queue_ext: i32 =
            48 * 1024 * 1024,
        /// Bits of the filter bit map; the broker sets it at start from its filter settings.
        @restart "bitMapLengthConsumeQueueExt" bit_map_length_consume_queue_ext: i32 = 64,
        /// Milliseconds between two flushes of the commit log with ASYNC_FLUSH.
        @important "flushIntervalCommitLog" flush_interval_commit_log: i32 = 500,
        /// In 4.4.0 milliseconds between two commits from the transient store pool; there is none here.
        @important "commitIntervalCommitLog" commit_interval_commit_log: i32 = 200,
        /// In 4.4.0 a blocking lock around appending, instead of a spinning one.
        @restart "useReentrantLockWhenPutMessage" use_reentrant_lock_when_put_message: bool = false,
        /// Flush only after each interval, instead of also when a message arrives.
        @important "flushCommitLogTimed" flush_commit_log_timed: bool = false,
        /// Milliseconds between two flushes of the consume queues.
        "flushIntervalConsumeQueue" flush_interval_consume_queue: i32 = 1000,
        /// Milliseconds between two looks for files to delete.
        @restart "cleanResourceInterval" clean_resource_interval: i32 = 10_000,
        /// Milliseconds of rest between the deletion of two commit log files.
        "deleteCommitLogFilesInterval" delete_commit_log_files_interval: i32 = 100,
        /// Milliseconds of rest between two queues whose files are deleted.
        "deleteConsumeQueueFilesInterval" delete_consume_queue_files_interval: i32 = 100,
        /// Milliseconds after which a file to delete goes although it is still read.
        "destroyMapedFileIntervalForcibly" destroy_maped_file_interval_forcibly: i32 = 120_000,
        /// Milliseconds between two attempts to delete a first file that would not go.
        "redeleteHangedFileInterval" redelete_hanged_file_interval: i32 = 120_000,
        /// Hours of the day, local time, at which expired files are deleted, with `;` between.
        @important "deleteWhen" delete_when: String = "04".to_owned(),
        /// Percent of disk use above which expired files go at any hour; used within 10 to 95.
        "diskMaxUsedSpaceRatio" disk_max_used_space_ratio: i32 = 75,
        /// Hours a file is kept, by its last modification.
        @important "fileReservedTime" file_reserved_time: i32 = 72,
        /// Nothing reads it in 4.4.0.
        "putMsgIndexHightWater" put_msg_index_hight_water: i32 = 600_000,
        /// Greatest size of a stored record and of a batch, in bytes.
        @restart "maxMessageSize" max_message_size: i32 = 4 * 1024 * 1024,
        /// Check the CRC of message bodies when recovering.
        @restart "checkCRCOnRecover" check_crc_on_recover: bool = true,
        /// Pages of 4 KiB that must be waiting before the commit log is flushed.
        "flushCommitLogLeastPages" flush_commit_log_least_pages: i32 = 4,
        /// In 4.4.0 pages of 4 KiB that wait for such a commit; there is none here.
        "commitCommitLogLeastPages" commit_commit_log_least_pages: i32 = 4,
        /// In 4.4.0 pages between two flushes while a new file is warmed; there is no warming here.
        "flushLeastPagesWhenWarmMapedFile" flush_least_pages_when_warm_maped_file: i32 = 4096,
        /// Pages of 4 KiB that must be waiting before a consume queue is flushed.
        "flushConsumeQueueLeastPages" flush_consume_queue_least_pages: i32 = 2,
        /// Milliseconds after which the commit log is flushed however little is waiting.
        "flushCommitLogThoroughInterval" flush_commit_log_thorough_interval: i32 = 10_000,
        /// In 4.4.0 milliseconds after which such a commit takes however little waits; there is none
        /// here.
        "commitCommitLogThoroughInterval" commit_commit_log_thorough_interval: i32 = 200,
        /// Milliseconds after which consume queues and checkpoint are flushed however little is
        /// waiting.
        "flushConsumeQueueThoroughInterval" flush_consume_queue_thorough_interval: i32 = 60_000,
        /// Bytes a pull gets at most of messages in memory.
        @important "maxTransferBytesOnMessageInMemory" max_transfer_bytes_on_message_in_memory: i32 =
            256 * 1024,
        /// Messages a pull gets at most of those in memory.
        @important "maxTransferCountOnMessageInMemory" max_transfer_count_on_message_in_memory: i32 =
            32,
        /// Bytes a pull gets at most of messages on disk.
        @important "maxTransferBytesOnMessageInDisk" max_transfer_bytes_on_message_in_disk: i32 =
            64 * 1024,
        /// Messages a pull gets at most of those on disk.
        @important "maxTransferCountOnMessageInDisk" max_transfer_count_on_message_in_disk: i32 = 8,
        /// Percent of physical memory; messages further behind the end count as on disk.
        @important "accessMessageInMemoryMaxRatio" access_message_in_memory_max_ratio: i32 = 40,
        /// Keep an index of message keys.
        @important @restart "messageIndexEnable" message_index_enable: bool = true,
        /// Hash slots of an index file.
        @restart "maxHashSlotNum" max_hash_slot_num: i32 = 5_000_000,
        /// Entries of an index file; the first is not used.
        @restart "maxIndexNum" max_index_num: i32 = 20_000_000,
        /// Most messages a query by key gives.
        "maxMsgsNumBatch" max_msgs_num_batch: i32 = 64,
        /// Begin recovery no later than the checkpoint of the index.
        @important @restart "messageIndexSafe" message_index_safe: bool = false,
        /// Port for replicas. Always `listenPort` plus 1, whatever the file says.
        @restart "haListenPort" ha_listen_port: i32 = 10_912,
        /// Milliseconds between two heartbeats of master and replica.
        @restart "haSendHeartbeatInterval" ha_send_heartbeat_interval: i32 = 5000,
        /// Milliseconds of silence after which a replication connection is given up.
        @restart "haHousekeepingInterval" ha_housekeeping_interval: i32 = 20_000,
        /// Most bytes of one transfer to a replica.
        @restart "haTransferBatchSize" ha_transfer_batch_size: i32 = 32 * 1024,
        /// Replica: address of the master's HA port; where missing, the name server tells it.
        @important @nullable @restart "haMasterAddress" ha_master_address: String = String::new(),
        /// SYNC_MASTER: bytes a replica may be behind before it no longer counts as there.
        "haSlaveFallbehindMax" ha_slave_fallbehind_max: i32 = 256 * 1024 * 1024,
        /// ASYNC_MASTER, SYNC_MASTER or SLAVE.
        @important @restart "brokerRole" broker_role: BrokerRole = BrokerRole::AsyncMaster,
        /// ASYNC_FLUSH or SYNC_FLUSH.
        @important @restart "flushDiskType" flush_disk_type: FlushDiskType =
            FlushDiskType::AsyncFlush,
        /// Milliseconds a send waits for the disk or for a replica.
        "syncFlushTimeout" sync_flush_timeout: i32 = 5000,
        /// Delays of level 1, 2, …: number and unit (s, m, h, d), a blank between.
        @restart "messageDelayLevel" message_delay_level: String =
            "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h".to_owned(),
        /// Milliseconds between two writes of the delay offsets.
        @restart "flushDelayOffsetInterval" flush_delay_offset_interval: i64 = 10_000,
        /// Delete the oldest files when the disk is nearly full, expired or not.
        @important "cleanFileForciblyEnable" clean_file_forcibly_enable: bool = true,
        /// In 4.4.0 touches every page of a new file before it is used. Here pages are made present
        /// ahead of the writer always.
        @restart "warmMapedFileEnable" warm_maped_file_enable: bool = false,
        /// Replica: correct the offsets of pulls out of range, as a master does.
        "offsetCheckInSlave" offset_check_in_slave: bool = false,
        /// In 4.4.0 writes a stack dump when the append lock is held for more than a second.
        "debugLockEnable" debug_lock_enable: bool = false,
        /// Dispatch messages only up to the confirmed offset.
        @restart "duplicationEnable" duplication_enable: bool = false,
        /// Count how far consumers are behind.
        "diskFallRecorded" disk_fall_recorded: bool = true,
        /// Milliseconds an append may hold the lock before sends are turned away as busy.
        "osPageCacheBusyTimeOutMills" os_page_cache_busy_time_out_mills: i64 = 1000,
        /// Most messages a query by unique key gives.
        "defaultQueryMaxNum" default_query_max_num: i32 = 32,
        /// In 4.4.0 a master with ASYNC_FLUSH appends to memory of its own first. Here it never does:
        /// appending does not wait for the disk in any case.
        @important @restart "transientStorePoolEnable" transient_store_pool_enable: bool = false,
        /// In 4.4.0 buffers of that pool, each as large as a commit log file.
        @restart "transientStorePoolSize" transient_store_pool_size: i32 = 5,
        /// In 4.4.0 does not wait for a new file when the pool has no buffer.
        "fastFailIfNoBufferInStorePool" fast_fail_if_no_buffer_in_store_pool: bool = false,
    }
}

impl StoreConfig {
    /// The size of a consume queue file that is used: `mapedFileSizeConsumeQueue` rounded up to
    /// whole entries.
    pub fn consume_queue_file_size(&self) -> i32 {
        let entries = (self.maped_file_size_consume_queue.max(1) - 1) / QUEUE_ENTRY_SIZE + 1;
        entries.saturating_mul(QUEUE_ENTRY_SIZE)
    }

    /// The percent of disk use that counts: `diskMaxUsedSpaceRatio` within 10 to 95.
    pub fn disk_max_used_percent(&self) -> i32 {
        self.disk_max_used_space_ratio.clamp(10, 95)
    }

    /// Whether the transient store pool is used: switched on, ASYNC_FLUSH, and no replica.
    pub fn uses_transient_store_pool(&self) -> bool {
        self.transient_store_pool_enable
            && self.flush_disk_type == FlushDiskType::AsyncFlush
            && self.broker_role != BrokerRole::Slave
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Assigned, Env, Table};

    #[test]
    fn roles_go_by_name_and_odd_words_change_nothing() {
        let mut config = StoreConfig::from_env(&Env::empty());
        assert_eq!(config.assign("brokerRole", "SLAVE"), Assigned::Done);
        assert_eq!(config.assign("brokerRole", "slave"), Assigned::Refused);
        assert_eq!(config.broker_role, BrokerRole::Slave);
    }

    #[test]
    fn derived_values() {
        let mut config = StoreConfig::from_env(&Env::empty());
        let mut check = |size, expected| {
            config.maped_file_size_consume_queue = size;
            assert_eq!(config.consume_queue_file_size(), expected);
        };
        check(6_000_000, 6_000_000);
        check(1, 20);
        check(21, 40);
        check(-5, 20);
        config.disk_max_used_space_ratio = 3;
        assert_eq!(config.disk_max_used_percent(), 10);
    }
}
