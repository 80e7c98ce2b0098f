# A later Sonic Pi's rules on Debian's server of 3.2.2, read before it: `ruby -r rules.rb sonic-pi-server.rb -u
# PORTS TOKEN`, with the arguments that the later version's daemon gives. SONIC_PI_RULES names the version: 4.5.1
# or 5.x; any other leaves the server as it is.
#
# Each rule names where it was read: the tag v4.5.1, `dev` (c0002065a) or `5.x` (14253143005), below
# app/server/ruby of Sonic Pi's repository.

require_relative "ports"

module SonicPiRules
  FIVE = ENV["SONIC_PI_RULES"] == "5.x"
  FOUR = ENV["SONIC_PI_RULES"] == "4.5.1"

  # The last of 8 numbers (v4.5.1 bin/daemon.rb:894-902), or of 6 (5.x bin/spider-server.rb: ARGV[6]).
  TOKEN = FIVE || FOUR ? ARGV.pop.to_i : 0

  # A run may not add to the hooks once any run has begun, and what says so is a NoMethodError: `StandardError`
  # is called as if it were a method (v4.5.1 lib/sonicpi/lifecyclehooks.rb:33-37, 77; the same in dev and 5.x).
  module Hooks
    def init(*)
      @started = true
      super
    end

    %i[on_init on_completed on_killed on_exit on_all_completed].each do |name|
      define_method(name) do |&block|
        raise StandardError "too late" if @started
        super(&block)
      end
    end
  end

  # Whatever the window's port is asked comes with the token, an integer, or is not done (v4.5.1
  # bin/spider-server.rb:286-294 and the same below it to its end).
  module Api
    def add_method(address, &block)
      return super unless @port == ARGV[1].to_i && address != "/external-osc-cue"  # That one is Erlang's.
      super(address) do |args|
        if args[0] == TOKEN
          block.call(args)
        else
          STDOUT.puts "Invalid token: #{args[0]} - ignoring #{address} API call"
          STDOUT.flush
        end
      end
    end
  end

  # What `version` says (v4.5.1 lib/sonicpi/runtime.rb:1439, dev lib/sonicpi/runtime.rb:1487); and string literals
  # of runs are frozen (v4.5.1 bin/daemon.rb:892), as 3.2.2's own cannot be.
  module Version
    def initialize(*)
      super
      RubyVM::InstructionSequence.compile_option = { frozen_string_literal: true }
      @version = FIVE ? SonicPi::Version.new(5, 0, 0, "beta-1") : SonicPi::Version.new(4, 5, 1)
    end
  end

  # Every run sounds through an effect of its own (dev lib/sonicpi/runtime.rb:956-960). A run's text is what the
  # server evaluates without a binding.
  module InLevel
    def eval(text, scope = nil, *where)
      return Kernel.eval(text, scope, *where) if scope
      with_fx(:level, amp: 1) { Kernel.eval(text, binding, *where) }
    end
  end

  # A live_loop of a name in use moves, from its next round on, into the newer run: into its effects, ended with it
  # (dev lib/sonicpi/lang/core.rb:2304-2426, lib/sonicpi/runtime.rb:1265-1290, 1336-1352).
  module Moves
    def live_loop(name = nil, *args, &block)
      before = sthread("live_loop_#{name}".to_sym)
      before = nil unless before&.alive?
      body = block
      if block && block.arity < 2
        body = block.arity == 1 ? ->(round) { rules_move; block.call(round) } : -> { rules_move; block.call }
      end
      thread = super(name, *args, &body)
      locals = __system_thread_locals(before || thread)
      return locals.set_local(:rules_parent, Thread.current) && thread unless before

      left = SonicPi::Promise.new
      locals.set_local(:rules_move_to, [current_out_bus, current_group, __current_job_id, Thread.current, left])
      Thread.new { before.join; left.deliver!(true, false) }
      in_thread { left.get }  # Holds the newer run and its effects while the loop is in them.
      thread
    end

    def rules_move
      locals = __system_thread_locals
      bus, group, job, parent, left = locals.get(:rules_move_to)
      return unless bus
      locals.set_local(:rules_move_to, nil)
      locals.set(:sonic_pi_mod_sound_synth_out_bus, bus)
      locals.set(:sonic_pi_mod_sound_job_group, group)
      locals.get(:rules_left)&.deliver!(true, false)
      locals.set_local(:rules_left, left)
      rules_leave(locals.get(:rules_parent))
      locals.set_local(:rules_parent, parent)
      name = locals.get(:sonic_pi_local_spider_subthread_name)
      @job_subthread_mutex.synchronize do
        @job_subthreads.each_value { |threads| threads.delete(Thread.current) }
        @job_subthreads[job]&.add(Thread.current)
        @named_subthreads[name] = SonicPi::SThread.new(name, job, Thread.current)
      end
    end

    # The run that it was in ends without it.
    def rules_leave(parent)
      locals = __system_thread_locals(parent)
      locals.get(:sonic_pi_local_spider_subthread_mutex).synchronize do
        others = locals.get(:sonic_pi_local_spider_subthreads)
        others.delete(Thread.current)
        empty = others.empty? && !parent.alive?
        locals.get(:sonic_pi_local_spider_subthread_empty).deliver!(true, false) if empty
      end
    end
  end

  # A recorder is the path of its file (5.x lib/sonicpi/studio.rb: recording_start, recording_stop).
  module Recorders
    def recording_start(path, bus = 0)
      return false unless super
      (@recorders_of_3 ||= {})[bus] = @recorders[bus]
      @recorders[bus] = [path]
      true
    end

    def recording_stop(bus = 0)
      return false unless @recorders[bus]
      @recorders[bus] = @recorders_of_3.delete(bus)
      super
    end
  end

  if FOUR
    # v4.5.1 bin/spider-server.rb:156-157; comments in 5.x.
    names = %i[server_port gui_port scsynth_port scsynth_send_port osc_cues_port tau_port listen_to_tau_port]
    STDOUT.puts "Ports: #{names.zip(ARGV[1..].map(&:to_i)).to_h}", "Token: #{TOKEN}"
    STDOUT.flush
  end

  if FIVE || FOUR
    # What 3.2.2 wants and later ones do not have: Erlang, MIDI and websockets.
    ARGV[6..] = free_ports(4).map(&:to_s)

    ruby = File.expand_path("../..", $0)
    %w[core lib/sonicpi/studio lib/sonicpi/osc/osc lib/sonicpi/lang/core lib/sonicpi/runtime].each { |part| require "#{ruby}/#{part}" }
    SonicPi::LifeCycleHooks.prepend(Hooks)
    SonicPi::OSC::UDPServer.prepend(Api)
    SonicPi::Runtime.prepend(Version)
    if FIVE
      SonicPi::Runtime.prepend(InLevel)
      SonicPi::Lang::Core.prepend(Moves)
      SonicPi::Studio.prepend(Recorders)
    end
  end
end
