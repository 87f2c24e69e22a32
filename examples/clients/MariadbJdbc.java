import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** MariaDB's JDBC driver knows a list of hosts, and not which one leads: ask them one after the other. */
public class MariadbJdbc {
  private static final int DUPLICATE = 1062;

  private static Connection connectToLeader(String[] addresses, String user, String database) throws SQLException {
    SQLException last = null;
    for (String address : addresses) {
      // Milliseconds. A machine that is gone answers nothing.
      String url = "jdbc:mariadb://" + address + "/" + database + "?connectTimeout=2000&socketTimeout=2000&user=" + user;
      try {
        Connection connection = DriverManager.getConnection(url);
        try (ResultSet answer = connection.createStatement().executeQuery("select @@global.read_only")) {
          answer.next();
          if (answer.getInt(1) == 0) return connection;
        }
        connection.close();
      } catch (SQLException error) {
        last = error;
      }
    }
    throw new SQLException("none of " + String.join(", ", addresses) + " leads", last);
  }

  public static void main(String[] args) throws Exception {
    Connection connection = null;
    for (long number = 1; ; ) {
      try {
        if (connection == null) connection = connectToLeader(args[0].split(","), args[1], args[2]);
        try (PreparedStatement insert = connection.prepareStatement("insert into client_log values (?)")) {
          insert.setLong(1, number);
          insert.executeUpdate();
        }
      } catch (SQLException error) {
        if (error.getErrorCode() != DUPLICATE) {
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
