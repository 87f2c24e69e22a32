import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** PostgreSQL's JDBC driver: the URL alone finds the leader. */
public class PostgresJdbc {
  private static final String UNIQUE_VIOLATION = "23505";

  public static void main(String[] args) throws Exception {
    String url =
        "jdbc:postgresql://" + args[0] + "/" + args[2]
            // Of several hosts the one that takes writes. Who leads is remembered for this long (10 s if it is not said): a second at most.
            + "?targetServerType=primary&hostRecheckSeconds=0"
            // Seconds. A machine that is gone answers nothing.
            + "&connectTimeout=2&socketTimeout=2&user=" + args[1];
    Connection connection = null;
    for (long number = 1; ; ) {
      try {
        if (connection == null) connection = DriverManager.getConnection(url);
        try (PreparedStatement insert = connection.prepareStatement("insert into client_log values (?)")) {
          insert.setLong(1, number);
          insert.executeUpdate();
        }
      } catch (SQLException error) {
        if (!UNIQUE_VIOLATION.equals(error.getSQLState())) {
          System.err.println("lost: " + error.getMessage());
          if (connection != null) connection.close();
          connection = null;
          Thread.sleep(20);
          continue;
        }
      }
      System.out.println("wrote " + number);
      number += 1;
      Thread.sleep(20);
    }
  }
}
