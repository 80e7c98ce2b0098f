# Cues and the time state: what threads tell each other at a virtual time.

class NotThreadSafeError < StandardError; end

# A cue, or a value that was set. `key` puts them in Sonic Pi's order: time, priority, thread, number.
Cue = Struct.new(:path, :key, :value, :beat, :bpm) do
  def time = key[0]
end

module Cues
  # So many are remembered for each name, at least.
  KEPT = 500

  # Cues of the loops themselves come before all others of their time.
  LOOP = -100

  # What only the world outside of a run could send.
  OUTSIDE = %r{\A/(midi|osc)}

  Waiter = Struct.new(:strand, :pattern, :key, :accepts, :cue)

  class << self
    def reset
      @history = {}
      @waiters = []
      @patterns = {}
    end

    def tell(path, value, priority = 0)
      strand = Strand.current
      strand.cues += 1
      key = [strand.time, priority, strand.id, strand.cues - 1]
      cue = Cue.new(path, key, immutable(value), strand.beat, Tempo.mode(strand))
      remember(cue)
      wake(cue)
      value
    end

    def loop_cue(name) = tell("/live_loop/#{name}", [], LOOP)

    # The newest cue that is not later than the thread that asks.
    def latest(path)
      key = here
      past = matching(path).filter_map { |cues| cues.reverse_each.find { |cue| (cue.key <=> key) <= 0 } }
      past.max_by(&:key)
    end

    # The first cue that is later than the thread, or than the cue that it woke by: waited for, if need be.
    def await(path, accepts)
      if OUTSIDE.match?(path)
        raise MissingError, "sync #{path.inspect}: nothing outside sends cues to the built-in player"
      end

      strand = Strand.current
      key = strand.last_sync&.key || here
      found = matching(path).filter_map { |cues| cues.find { |cue| later?(cue, key, accepts) } }.min_by(&:key)
      found || wait(Waiter.new(strand, pattern(path), key, accepts))
    end

    # Where `cue` and `set` put a name.
    def told(name, prefix)
      text = name.to_s
      path = text.start_with?("/") ? text : "/#{name.is_a?(Symbol) ? prefix : "cue"}/#{text}"
      path.gsub(/[\s#*,?\[\]{}]/, "_")
    end

    # Where `sync` and `get` look for a name.
    def sought(name)
      return "/{cue,set,live_loop}/#{name.name.gsub(%r{[\s#*,?/\[\]{}]}, "_")}" if name.is_a?(Symbol)

      name.to_s.start_with?("/") ? name.to_s : "/cue/#{name}"
    end

    # A copy that cannot change, as threads need it.
    def immutable(value)
      case value
      when String then value.frozen? ? value : value.dup.freeze
      when Array then value.map { |item| immutable(item) }.freeze
      when Hash then SPMap.new(value.to_h { |key, item| [immutable(key), immutable(item)] })
      when Numeric, Symbol, true, false, nil, Vector, SPMap, Node then value
      else raise NotThreadSafeError, "Sorry, unable to make a #{value.class} thread safe"
      end
    end

    private

    def here = Strand.current.then { |strand| [strand.time, 0, strand.id, strand.cues] }

    def later?(cue, key, accepts) = (cue.key <=> key).positive? && accepted?(cue, accepts)

    def accepted?(cue, accepts)
      accepts.nil? || accepts.call(cue.value)
    rescue StandardError
      false
    end

    def remember(cue)
      cues = @history[cue.path] ||= []
      cues.push(cue)
      cues.sort_by!(&:key) if cues.size > 1 && (cues[-2].key <=> cue.key).positive?
      cues.shift(KEPT) if cues.size > 2 * KEPT
    end

    def wake(cue)
      woken, @waiters = @waiters.partition do |waiter|
        waiter.pattern.match?(cue.path) && later?(cue, waiter.key, waiter.accepts)
      end
      woken.each do |waiter|
        waiter.cue = cue
        waiter.strand.time = cue.time
        waiter.strand.waiting = false
      end
    end

    def wait(waiter)
      waiter.strand.waiting = true
      @waiters << waiter
      Fiber.yield
      waiter.cue
    end

    def matching(path)
      like = pattern(path)
      @history.filter_map { |name, cues| cues if like.match?(name) }
    end

    def pattern(path)
      @patterns[path] ||= begin
        parts = path.delete_prefix("/").split("/").map do |part|
          next ".*" if part.strip == "**"

          Regexp.escape(part.strip).gsub('\*', "[^/]*").gsub('\?', ".").gsub('\-', "-")
                .gsub(/\\\{(.*?)\\\}/) { "(?:#{Regexp.last_match(1).tr(",", "|")})" }
                .gsub(/\\\[(!?)(.*?)\\\]/) { "[#{Regexp.last_match(1).tr("!", "^")}#{Regexp.last_match(2)}]" }
        end
        %r{\A/?#{parts.join("/")}/?\z}
      end
    end
  end
end

# `get[:name]`
class Lookup
  def initialize(&find) = @find = find

  def [](*args) = @find.call(*args)
end

module Language
  def cue(name, *opts)
    value = opts.size == 1 && opts[0].is_a?(Hash) ? opts[0] : opts
    Cues.tell(Cues.told(name, :cue), value)
  end

  def set(name, value) = Cues.tell(Cues.told(name, :set), value)

  def get(*args)
    return Lookup.new { |*inner| get(*inner) } if args.empty?

    given, opts = Options.split(args)
    strand = Strand.current
    if strand.warped && strand.warped < strand.time
      raise TimingError, "Sadly, you may not time_warp into the future to call get, " \
                         "then bring the result back in time to now."
    end
    found = Cues.latest(Cues.sought(given[0]))
    found ? found.value : given[1] || opts[:default]
  end
  alias live_state get

  def sync(*args)
    given, opts = Options.split(args)
    strand = Strand.current
    raise TimeTravelError, "Calling sync within a time_warp is not supported." if strand.warped

    strand.deltas = {}
    bpm = Tempo.mode(strand)
    cue = Cues.await(Cues.sought(given[0]), opts[:arg_matcher])
    strand.synced = true
    strand.time = cue.time
    strand.beat = cue.beat
    strand.last_sync = cue
    Scheduler.pause(strand)
    Tempo.rejoin(strand, Options.truthy?(opts[:bpm_sync]) ? cue.bpm : bpm)
    cue.value
  end

  def sync_bpm(*args)
    given, opts = Options.split(args)
    sync(*given, opts.merge(bpm_sync: true))
  end
end
