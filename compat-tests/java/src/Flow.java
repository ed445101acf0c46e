import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A producer and a consumer in service: both run from the start, whatever happens to the servers.
 * Bodies are numbers; each is sent until it is stored. Times are in ms; lines are tab separated.
 *
 *   SENT time body broker queueId queueOffset
 *   FAILED time body error
 *   GOT time body port queueId queueOffset     the port is that of the broker that stored it
 *
 * The line "halt" ends the sending, answered with "HALTED"; the end of input ends the program.
 */
public class Flow {
    private static final long PAUSE_MS = 20;
    private static final long FAILURE_PAUSE_MS = 200;
    private static volatile boolean halted;

    public static void main(String[] args) throws Exception {
        String group = args[1];
        String topic = args[2];
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("CG_" + group);
        configure(consumer, args[0]);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt m : messages) {
                int port = ((java.net.InetSocketAddress) m.getStoreHost()).getPort();
                say("GOT", text(m.getBody()), port, m.getQueueId(), m.getQueueOffset());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        DefaultMQProducer producer = new DefaultMQProducer("PG_" + group);
        configure(producer, args[0]);
        producer.setSendMsgTimeout(30_000);
        producer.start();
        Thread sending = new Thread(() -> send(producer, topic, Integer.parseInt(args[3])));
        sending.start();
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            if (in.nextLine().equals("halt")) {
                halted = true;
                sending.join();
                say("HALTED");
            }
        }
        System.exit(0);
    }

    private static void configure(ClientConfig client, String nameServers) {
        client.setNamesrvAddr(nameServers);
        client.setPollNameServerInterval(1000);
        client.setHeartbeatBrokerInterval(1000);
        client.setPersistConsumerOffsetInterval(2000);
        client.setVipChannelEnabled(false);
    }

    private static void send(DefaultMQProducer producer, String topic, int first) {
        int number = first;
        while (!halted) {
            byte[] body = String.valueOf(number).getBytes(StandardCharsets.UTF_8);
            long pause = PAUSE_MS;
            try {
                SendResult sent = producer.send(new Message(topic, body));
                say("SENT", number, sent.getMessageQueue().getBrokerName(),
                    sent.getMessageQueue().getQueueId(), sent.getQueueOffset());
                number++;
            } catch (Exception e) {
                say("FAILED", number, String.valueOf(e).replaceAll("\\s+", " "));
                pause = FAILURE_PAUSE_MS;
            }
            try {
                Thread.sleep(pause);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }

    private static synchronized void say(String word, Object... rest) {
        StringBuilder line = new StringBuilder(word);
        line.append('\t').append(System.currentTimeMillis());
        for (Object part : rest) {
            line.append('\t').append(part);
        }
        System.out.println(line);
        System.out.flush();
    }
}
