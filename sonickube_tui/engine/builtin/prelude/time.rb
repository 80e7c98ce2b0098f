# Virtual time and tempo.

class TimeTravelError < StandardError; end
class TimingError < StandardError; end

# The clock of `use_bpm :link`: a run's own, steady, and begun with it. Nobody else is on it.
module Link
  class << self
    attr_reader :bpm

    def reset = pace(60.0, 0r, 0.0)

    # Another tempo from a time on; what sleeps by this clock wakes by it.
    def change(bpm, time)
      pace(bpm.to_f, time, beat_at(time))
      Scheduler.strands.each { |strand| Tempo.relink(strand) if strand.locals[:bpm] == :link }
    end

    def beat_at(time) = @beat + ((time - @time).to_f * @bpm / 60)

    def time_at(beat) = @time + ((beat - @beat) * 60 / @bpm).to_r

    # The beat of the next bar with this phase that is half a second away or more: Sonic Pi's own margin.
    def next_beat(time, phase, quantum)
      beat = (beat_at(time).div(quantum) * quantum) + quantum + phase.to_f
      time_at(beat) - time < 0.5r ? beat + quantum : beat
    end

    private

    def pace(bpm, time, beat) = (@bpm, @time, @beat = bpm, time, beat)
  end
end

# A thread's tempo: beats per minute, or :link, times its density.
module Tempo
  class << self
    def use(strand, bpm: strand.locals[:bpm], density: strand.locals[:density])
      strand.locals.update(bpm:, density:)
      strand.locals[:beat_seconds] = 60.0 / bpm(strand)
    end

    # What `use_bpm` does: a thread that joins the link clock is at its beat.
    def follow(strand, bpm)
      joins = bpm == :link && strand.locals[:bpm] != :link
      use(strand, bpm: bpm == :link ? bpm : bpm.to_f)
      strand.beat = Link.beat_at(strand.time) if joins
    end

    # At the time of a cue; one that keeps to the link clock takes its beat from there.
    def rejoin(strand, bpm)
      use(strand, bpm: 60.0)
      follow(strand, bpm)
    end

    # The link clock has another tempo.
    def relink(strand)
      use(strand)
      strand.time = [Link.time_at(strand.beat), Strand.current.time].max unless strand.waiting
    end

    def dense(factor)
      strand = Strand.current
      before = strand.locals[:density]
      use(strand, density: before * factor.to_f)
      yield
    ensure
      use(strand, density: before) if before
    end

    def bpm(strand) = (link?(strand) ? Link.bpm : strand.locals[:bpm]) * strand.locals[:density]

    # As threads tell it to each other.
    def mode(strand) = link?(strand) ? :link : bpm(strand)

    # Later by so many beats.
    def go(strand, beats)
      strand.beat += beats / strand.locals[:density]
      later = strand.time + (beats * strand.locals[:beat_seconds]).to_r
      strand.time = link?(strand) ? Link.time_at(strand.beat) : later
    end

    def check(name, bpm)
      return if bpm == :link || (bpm.is_a?(Numeric) && bpm.positive?)

      raise ArgumentError, "#{name}'s BPM should be a positive value or :link. " \
                           "You tried to use: #{bpm.inspect}"
    end

    def check_factor(name, factor)
      return if factor.is_a?(Numeric) && factor.positive?

      raise ArgumentError, "#{name}'s mul should be a positive value. You tried to use: #{factor.inspect}"
    end

    private

    def link?(strand) = strand.locals[:bpm] == :link
  end
end

module Timed
  # Call the block of `at` or `time_warp` with as many of time, parameter and number as it takes.
  def self.call(block, time, param, number, named:)
    case block.arity
    when 0 then block.call
    when 1 then block.call(param)
    when 2 then named ? block.call(time, param) : block.call(time, number)
    when 3 then block.call(time, param, number)
    else raise ArgumentError, "the block should only accept 0 to 3 parameters. You gave: #{block.arity}."
    end
  end
end

module Language
  def sleep(beats)
    strand = Strand.current
    strand.last_sync = nil
    strand.deltas = {} unless beats == 0
    strand.slept = true unless beats == 0
    Tempo.go(strand, beats)
    Scheduler.pause(strand) unless beats == 0 || strand.warped
    nil
  end

  def wait(time) = time.is_a?(Symbol) ? sync(time) : sleep(time)

  # Waits for a bar of the link clock, and keeps to it from then on.
  def link(*args)
    given, opts = Options.split(args)
    strand = Strand.current
    strand.last_sync = nil
    strand.deltas = {}
    strand.slept = true
    Tempo.use(strand, bpm: :link)
    quantum, phase = given[0] || opts.fetch(:quantum, 4), given[1] || opts.fetch(:phase, 0)
    strand.beat = Link.next_beat(strand.time, phase, quantum)
    strand.time = Link.time_at(strand.beat)
    Scheduler.pause(strand) unless strand.warped
    nil
  end
  alias link_sync link

  def set_link_bpm!(bpm)
    unless bpm.is_a?(Numeric) && bpm.between?(20, 999)
      raise ArgumentError, "set_link_bpm! requires a number for the bpm argument in the range 20 -> 999. " \
                           "You tried to use: #{bpm.inspect}"
    end

    Link.change(bpm, Strand.current.time)
    nil
  end

  def time_warp(times = 0, params = nil, &block)
    Blocks.need(:time_warp, block)
    strand = Strand.current
    times = [times] if times.is_a?(Numeric)
    given = params || times
    warped = strand.warped
    kept = { deltas: strand.deltas, slept: strand.slept, synced: strand.synced, warped: }
    strand.warped ||= strand.time
    times.each_with_index do |time, n|
      here = [strand.time, strand.beat]
      begin
        sleep(time)
        Timed.call(block, time, given[n % given.size], n, named: !params.nil?)
      ensure
        strand.time, strand.beat = here
      end
    end
    nil
  ensure
    kept&.each { |name, value| strand.public_send(:"#{name}=", value) }
  end

  def with_swing(*args, &block)
    Blocks.need(:with_swing, block)
    given, opts = Options.split(args)
    shift, pulse, key, offset = *given
    turn = tick((key || opts.fetch(:tick, :swing)).to_sym) + (offset || opts.fetch(:offset, 0))
    if (turn % (pulse || opts.fetch(:pulse, 4))).zero?
      time_warp(shift || opts.fetch(:shift, 0.1)) { block.call }
    else
      block.call
    end
    nil
  end

  # Each step's block in its time; the steps of a list share the time of one.
  def tuplets(steps, opts = {}, &block)
    Blocks.need(:tuplets, block)
    duration, pulse = opts.fetch(:duration, 1), opts.fetch(:swing_pulse, 2)
    offset, late = opts.fetch(:swing_offset, 0) + 1, bt(opts.fetch(:swing, 0))
    steps.each do |step|
      inner = Options.list?(step) ? step.to_a : [step]
      swings = Options.list?(step) && (inner.size % pulse).zero?
      Tempo.dense(inner.size) do
        inner.each_with_index do |item, n|
          time_warp(swings && ((n + offset) % pulse).zero? ? rt(late) : 0) { block.call(item) }
          sleep(duration)
        end
      end
    end
  end

  def density(factor, &block)
    Blocks.need(:density, block)
    unless factor.is_a?(Numeric) && factor.positive?
      raise ArgumentError, "density must be a positive number. Got: #{factor.inspect}."
    end

    Tempo.dense(factor) do
      (factor < 1 ? 1.0 : factor).times { |n| block.arity.zero? ? block.call : block.call(n) }
    end
  end

  def use_bpm(bpm, &block)
    Blocks.refuse(:use_bpm, :with_bpm, block)
    Tempo.check(:use_bpm, bpm)
    Tempo.follow(Strand.current, bpm)
  end

  # Afterwards the tempo is the one that was heard: in a `density`, Sonic Pi counts that in once more.
  def with_bpm(bpm, &block)
    Blocks.need(:with_bpm, block)
    Tempo.check(:with_bpm, bpm)
    before = current_bpm_mode
    use_bpm(bpm)
    block.call
  ensure
    use_bpm(before) if before
  end

  def use_bpm_mul(factor, &block)
    Blocks.refuse(:use_bpm_mul, :with_bpm_mul, block)
    Tempo.check_factor(:use_bpm_mul, factor)
    strand = Strand.current
    Tempo.use(strand, density: strand.locals[:density] * factor.to_f)
  end

  def with_bpm_mul(factor, &)
    Blocks.need(:with_bpm_mul, block_given?)
    Tempo.check_factor(:with_bpm_mul, factor)
    Tempo.dense(factor, &)
  end

  def current_bpm = Tempo.bpm(Strand.current)

  def current_bpm_mode = Tempo.mode(Strand.current)

  def current_beat_duration = Strand.current.locals[:beat_seconds]

  def beat = Strand.current.beat
  alias current_beat beat

  def vt = Strand.current.time.to_f.round(6)

  def current_time = Clock.now

  def rt(seconds) = seconds / current_beat_duration

  def bt(beats) = beats * current_beat_duration

  def block_duration(&block)
    before = Strand.current.time
    block.call
    (Strand.current.time - before).to_f
  end

  def block_slept?(&) = block_duration(&).positive?
end
