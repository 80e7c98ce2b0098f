# UDP ports of loopback below those that the system gives away by itself, so that they stay free.

require "socket"

def free_ports(count)
  held = []
  port = rand(20_000..30_000)
  while held.size < count
    socket = UDPSocket.new
    begin
      socket.bind("127.0.0.1", port)
      held << socket
    rescue SystemCallError
      socket.close
    end
    port += 1
  end
  held.map { |socket| socket.addr[1] }
ensure
  held.each(&:close)
end
