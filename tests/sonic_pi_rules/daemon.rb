# Stands for the daemon of a later Sonic Pi: starts Debian's server of 3.2.2 under that version's rules, says its
# numbers, and ends it when it is told to or hears nothing any more. SONIC_PI_RULES names the version; with
# SONIC_PI_RHYTHM, a factor, its patience is shorter.
#
# `v4.5.1` is the tag, `5.x` 14253143005, both below app/server/ruby of Sonic Pi's repository.

require "/usr/lib/sonic-pi/app/server/ruby/lib/sonicpi/osc/osc"
require "fileutils"
require "socket"
require_relative "ports"

SERVER = "/usr/lib/sonic-pi/app/server/ruby/bin/sonic-pi-server.rb"
FIVE = ENV.fetch("SONIC_PI_RULES") == "5.x"
LOGS = File.join(ENV["SONIC_PI_HOME"] || Dir.home, ".sonic-pi", "log")
RHYTHM = ENV.fetch("SONIC_PI_RHYTHM", "1").to_f
FileUtils.mkdir_p(LOGS)

# A line of daemon.log, after its time (v4.5.1 bin/daemon.rb:602-604, 5.x bin/daemon.rb: timestamp_for_log).
def log(line)
  time = Time.now.strftime(FIVE ? "[%H:%M:%S.%3N]" : "[%Y-%m-%d %H:%M:%S]")
  File.write(File.join(LOGS, "daemon.log"), "#{time} #{line}\n", mode: "a")
end

# A process in a group of its own, what it says in a log: in 5.x with the time before each line (5.x
# bin/daemon.rb: ProcessBooter#boot). What 3.2.2 says of ports, and later ones do not, is left out.
def start(name, *command)
  read, write = IO.pipe
  GROUPS << spawn(*command, in: File::NULL, %i[out err] => write, pgroup: true)
  write.close
  Thread.new do
    read.each_line do |line|
      next if line.match?(/#{NUMBERS}| port: /) && !line.match?(/\A(Ports|Token): /)
      stamp = FIVE ? Time.now.strftime("[%H:%M:%S.%3N] ") : ""
      File.write(File.join(LOGS, name), stamp + line, mode: "a")
    end
  end
end

# The server's Erlang outlives it, but not its group.
def finish
  %w[TERM KILL].each do |signal|
    GROUPS.each { |group| Process.kill(signal, -group) rescue nil }
    40.times { sleep(0.05) if GROUPS.any? { |pid| Process.wait(pid, Process::WNOHANG).nil? rescue false } }
  end
end

GROUPS = []
ENDED = Queue.new
HEARD = Queue.new
token = rand(-2147483647..2147483647)
PORTS = free_ports(8)
daemon, gui, server, scsynth, cues, tau, phx, from_tau = PORTS
NUMBERS = /(?<!\d)(?:#{[*PORTS, token].join("|")})(?!\d)/

api = SonicPi::OSC::UDPServer.new(daemon)
api.add_method("/daemon/keep-alive") { |args| HEARD << true if args[0] == token }
api.add_method("/daemon/exit") do |args|
  ENDED << "told to" if args[0] == token
  log "Ignoring #{args[0]}" unless args[0] == token
end

# Its patience: after 40 s, five times 10 s without a sign of life (v4.5.1 bin/daemon.rb:656-671, as in 5.x).
Thread.new do
  silent = 0
  sleep 40 * RHYTHM
  while silent < 5
    sleep 10 * RHYTHM
    silent = HEARD.empty? ? silent + 1 : 0
    HEARD.clear
  end
  ENDED << "nobody is there"
end

# 4.x says eight numbers, in its log as well (v4.5.1 bin/daemon.rb:249-251); 5.x six, before it starts anything
# (5.x bin/daemon.rb: the second `puts` of Init), and names them in its log when it ends (there: SafeExit.new).
numbers = FIVE ? [daemon, gui, server, scsynth, cues, token] : [daemon, gui, server, scsynth, cues, tau, phx, token]
log numbers.join(" ") unless FIVE
STDOUT.puts numbers.join(" ")
STDOUT.flush

%w[TERM INT HUP].each { |signal| trap(signal) { ENDED << signal } }

# Without a jack that runs they sound all the same: 4.x starts one (v4.5.1 bin/daemon.rb:1038-1044), SuperSonic of
# 5.x needs none. The names are those of the console's own, and as few.
ENV["JACK_NO_START_SERVER"] = "1"
jack = -> { system("jack_lsp", out: File::NULL, err: File::NULL) }
%w[sonickube-3 sonickube-2 sonickube-1].each do |name|
  break if jack.call
  ENV["JACK_DEFAULT_SERVER"] = name
  next if jack.call # Somebody else's.
  start("jackd.log", "jackd", "-n", name, "-r", "-d", "dummy", "-r", "44100", "-p", "1024")
  50.times { jack.call ? break : sleep(0.1) }
end

# v4.5.1 bin/daemon.rb:891-903; 5.x the same without Tau's two ports.
ports = [server, gui, scsynth, scsynth, cues] + (FIVE ? [] : [tau, from_tau]) + [token]
rules = File.join(__dir__, "rules.rb")
start("spider.log", "ruby", "-E", "utf-8", "-r", rules, SERVER, "-u", *ports.map(&:to_s))

log "Exit: #{ENDED.pop}"
log "Token: #{token}" if FIVE
finish
