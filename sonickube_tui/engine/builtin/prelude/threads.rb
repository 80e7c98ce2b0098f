# Threads and loops.

class ZeroTimeLoopError < StandardError; end
class LiveLockError < StandardError; end

module Threads
  # A thread of the current one's; `origin` is the snippet's own block, whose line is told when it fails.
  # Gives nil when a thread of the name runs already.
  def self.begin(opts, origin, &block)
    parent = Strand.current
    delay = opts[:delay]
    unless delay.nil? || delay.is_a?(Numeric)
      raise ArgumentError, "delay: opt must be a number, got #{delay.inspect}"
    end

    if opts[:name] && Scheduler.named?(opts[:name])
      parent.locals[:child_seeds] += 1 unless opts[:seed]
      return
    end
    parent.spawn(name: opts[:name], seed: opts[:seed], origin:) do
      prepare(opts)
      block.call
    end
  end

  # What a thread waits for first.
  def self.prepare(opts)
    Strand.snippet.sleep(opts[:delay]) if opts[:delay]
    if opts[:sync_bpm]
      Strand.snippet.sync_bpm(opts[:sync_bpm])
    elsif opts[:sync]
      Strand.snippet.sync(opts[:sync])
    end
  end
end

module Language
  def in_thread(*opts, &block)
    Blocks.need(:in_thread, block)
    Threads.begin(Options.of(opts), block, &block)
  end

  def stop = raise(Stop)

  def loop(&block)
    Blocks.need(:loop, block)
    Kernel.loop do
      strand = Strand.current
      strand.synced = strand.slept = false
      block.call
      raise ZeroTimeLoopError, "loop did not sleep or sync!" unless strand.slept || strand.synced
    end
  end

  def live_loop(name = nil, *args, &block)
    raise ArgumentError, "live_loop needs to have a unique name. For example: live_loop :foo" unless name
    unless name.is_a?(Symbol) || name.is_a?(String)
      raise ArgumentError, "live_loop's name needs to be a string or symbol, got: #{name.inspect}. " \
                           "Example usage: live_loop :foo"
    end
    Blocks.need("live_loop #{name.inspect}", block)
    opts = Options.of(args)
    if [opts[:sync], opts[:sync_bpm]].include?(name)
      raise LiveLockError, "live_loop #{name.inspect} cannot sync with itself, please choose another name"
    end
    raise ArgumentError, "Live loop block must only accept 0 or 1 args" unless [0, 1].include?(block.arity)

    title = :"live_loop_#{name}"
    define(title) { |last| block.arity.zero? ? block.call : block.call(last) }
    Threads.begin(opts.slice(:delay, :sync, :sync_bpm).merge(name: title), block) do
      last = opts.fetch(:init, 0)
      use_random_seed(opts[:seed]) if opts[:seed]
      loop do
        Cues.loop_cue(name) if opts.fetch(:auto_cue, true)
        last = send(title, last)
      end
    end
  end

  def at(times = 0, params = nil, &block)
    Blocks.need(:at, block)
    times = [times] if times.is_a?(Numeric)
    given = params || times
    times.each_with_index do |time, n|
      Threads.begin({}, block) do
        sleep(time)
        Timed.call(block, time, given[n % given.size], n, named: !params.nil?)
      end
    end
  end
end
