# Effects: `with_fx`, and when one has heard all that it will hear.

# An effect that is open: it is held by its block and by every thread that begins in it.
class Scope
  class << self
    def reset = @open = []

    attr_reader :open

    # Nothing goes on: what waits for ever holds no effect any more.
    def close_all(time) = @open.reverse_each { |scope| scope.close(time) }
  end

  def initialize(node, tail)
    @node = node
    @tail = tail
    @held = 1
    @last = 0r
    Scope.open.push(self)
  end

  def hold = @held += 1

  def release(time)
    @last = [@last, time].max
    close(@last) if (@held -= 1).zero?
  end

  def close(time)
    Scope.open.delete(self)
    Score.add(:EffectEnd, time, node: @node.id, tail: @tail.to_f)
  end
end

module Effects
  # An echo that never fades is let go after so many seconds.
  LONGEST = 60.0

  # Effects of Sonic Pi's that would write to a buffer, or to outputs of their own.
  ABSENT = %i[record sound_out sound_out_stereo].freeze

  class << self
    # The effect's node and its scope; the thread sounds in it from now on.
    def open(name, args)
      instrument = known(name)
      args = Instruments.settle(args, instrument)
      Instruments.slides(args, instrument)
      strand = Strand.current
      node = Node.new(Score.next_node, instrument.name, args, instrument)
      Score.add(:Effect, strand.time, node: node.id, synth: instrument.name, place: strand.place,
                                       args: Score.numbers(args, Instruments.known(instrument.name)))
      strand.last_node = node
      [node, Scope.new(node, tail(name, args, instrument.defaults))]
    end

    def known(name)
      return Instruments.effect(name) unless ABSENT.include?(name.to_sym)

      raise MissingError, "the effect #{name.to_sym.inspect} is not in the built-in player: " \
                          "leave it out, or let Sonic Pi play this"
    end

    # The block so many times, with the effect's node if it takes one.
    def repeat(times, node, block)
      last = nil
      times.times { last = block.arity.zero? ? block.call : block.call(node) }
      last
    end

    private

    # Seconds that an effect rings on after its last sound.
    def tail(name, args, defaults)
      seconds = args[:kill_delay] || fading(name.to_sym, defaults.merge(args))
      seconds.finite? ? [[seconds, 0.0].max, LONGEST].min : LONGEST
    end

    def fading(name, args)
      case name
      when :reverb then [(args[:room] * 10) + 1, 11].min
      when :echo then args[:decay]
      when :gverb then args[:release]
      when :ping_pong
        return LONGEST unless args[:feedback].between?(0, 0.999)

        Math.log(0.01) / Math.log(args[:feedback]) * args[:phase]
      else 1
      end
    end
  end
end

module Language
  def with_fx(name, *opts, &block)
    Blocks.need(:with_fx, block)
    raise "with_fx block must only accept 0 or 1 args" unless [0, 1].include?(block.arity)

    args = Options.of(opts).dup
    reps = args[:reps] || 1
    off = args.key?(:on) && !Options.truthy?(args.delete(:on))
    return Effects.repeat(reps, BlankNode.new(args), block) if name == :none || off

    strand = Strand.current
    place = strand.place
    node, scope = Effects.open(name, args)
    begin
      strand.place = node.id
      strand.scopes.push(scope)
      Effects.repeat(reps, node, block)
    ensure
      strand.scopes.pop
      strand.place = place
      scope.release(strand.time)
    end
  end

  def with_afx(name, *opts, &block) = Threads.begin({}, block) { with_fx(name, *opts, &block) }
end
