import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Message traces of the stock client. A process can trace one client only.
 *
 *   Traces nameServer produce|consume topic traceTopic count
 *
 * sends or consumes with tracing on, then reads the traces until there are so many records:
 * "TRACE record" for each, fields that differ from run to run taken out, and after sending
 * "KEY found" for a look-up by message id; then "DONE" or "FAILED".
 */
public class Traces {
    private static final int MESSAGES = 3;

    public static void main(String[] args) {
        String end = "DONE";
        try {
            int count = Integer.parseInt(args[4]);
            if (args[1].equals("produce")) {
                produce(args[0], args[2], args[3], count);
            } else {
                consume(args[0], args[2], args[3], count);
            }
        } catch (Throwable e) {
            end = "FAILED\t" + e;
        }
        System.out.println(end);
        System.exit(0);
    }

    // Whoever shuts down at once loses the traces it has gathered, so they are read before.

    private static void produce(String nameServer, String topic, String traceTopic, int count)
        throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("PG_traces", true, traceTopic);
        producer.setNamesrvAddr(nameServer);
        producer.start();
        String id = "";
        for (int i = 0; i < MESSAGES; i++) {
            byte[] body = ("body " + i).getBytes(StandardCharsets.UTF_8);
            id = producer.send(new Message(topic, "tag", "key" + i, body)).getMsgId();
        }
        read(nameServer, traceTopic, count, id);
        producer.shutdown();
    }

    private static void consume(String nameServer, String topic, String traceTopic, int count)
        throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("CG_traces", true, traceTopic);
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        CountDownLatch left = new CountDownLatch(MESSAGES);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            left.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        if (!left.await(40, TimeUnit.SECONDS)) {
            throw new IllegalStateException(left.getCount() + " messages did not come");
        }
        read(nameServer, traceTopic, count, null);
        consumer.shutdown();
    }

    private static void read(String nameServer, String traceTopic, int count, String id)
        throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("CG_traces_read");
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("reader");
        consumer.start();
        List<String> records = new ArrayList<>();
        long start = System.currentTimeMillis();
        while (records.size() < count && System.currentTimeMillis() - start < 20_000) {
            records.clear();
            for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(traceTopic)) {
                long offset = 0;
                PullResult result = consumer.pull(queue, "*", offset, 32);
                while (result.getPullStatus() == PullStatus.FOUND) {
                    for (MessageExt m : result.getMsgFoundList()) {
                        String text = new String(m.getBody(), StandardCharsets.UTF_8);
                        for (String record : text.split("\u0002")) {
                            records.add(shown(record));
                        }
                    }
                    result = consumer.pull(queue, "*", result.getNextBeginOffset(), 32);
                }
            }
            Thread.sleep(100);
        }
        records.sort(null);
        records.forEach(record -> System.out.println("TRACE\t" + record));
        if (count > 0 && id != null) {
            long now = System.currentTimeMillis();
            int found = consumer.queryMessage(traceTopic, id, 32, now - 600_000, now + 600_000)
                .getMessageList().size();
            System.out.println("KEY\t" + (found > 0));
        }
        consumer.shutdown();
    }

    /** Without times, ids and addresses. */
    private static String shown(String record) {
        String[] f = record.split("\u0001", -1);
        switch (f[0]) {
            case "Pub":
                return String.join(" ", f[0], f[2], f[3], f[4], f[6], f[7], f[9], f[11], f[13])
                    + " " + f.length;
            case "SubBefore":
                return String.join(" ", f[0], f[2], f[3], f[6], f[7]) + " " + f.length;
            case "SubAfter":
                return String.join(" ", f[0], f[4], f[5]) + " " + f.length;
            default:
                return "? " + record;
        }
    }
}
