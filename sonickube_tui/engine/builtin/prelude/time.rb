# Virtual time and tempo.

module Timed
  def self.beat(name, bpm)
    raise ArgumentError, "#{name} should be a positive value. You tried to use: #{bpm}" unless bpm.positive?

    60.0 / bpm
  end

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
    strand.beat += beats
    return if beats == 0

    strand.sleep(beats * strand.locals[:beat_seconds])
    strand.deltas = {}
    nil
  end

  def wait(time) = time.is_a?(Symbol) ? sync(time) : sleep(time)

  def time_warp(times = 0, params = nil, &block)
    Blocks.need(:time_warp, block)
    strand = Strand.current
    times = [times] if times.is_a?(Numeric)
    given = params || times
    start, beat, deltas, warped = strand.time, strand.beat, strand.deltas, strand.warped
    strand.warped = true
    times.each_with_index do |time, n|
      strand.time = start + (time * strand.locals[:beat_seconds] * strand.density).to_r
      strand.beat = beat + time
      strand.deltas = {}
      Timed.call(block, time, given[n % given.size], n, named: !params.nil?)
    end
    nil
  ensure
    strand.time, strand.beat, strand.deltas, strand.warped = start, beat, deltas, warped if start
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

  def density(factor, &block)
    Blocks.need(:density, block)
    unless factor.is_a?(Numeric) && factor.positive?
      raise ArgumentError, "density must be a positive number. Got: #{factor.inspect}."
    end

    strand = Strand.current
    before = strand.density
    strand.density = before * factor
    with_bpm_mul(factor) do
      (factor < 1 ? 1.0 : factor).times { |n| block.arity.zero? ? block.call : block.call(n) }
    end
  ensure
    strand.density = before if before
  end

  def use_bpm(bpm, &block)
    Blocks.refuse(:use_bpm, :with_bpm, block)
    Strand.current.locals[:beat_seconds] = Timed.beat(:use_bpm, bpm)
  end

  def with_bpm(bpm, &block)
    Blocks.need(:with_bpm, block)
    Strand.with(beat_seconds: Timed.beat(:with_bpm, bpm), &block)
  end

  def use_bpm_mul(factor, &block)
    Blocks.refuse(:use_bpm_mul, :with_bpm_mul, block)
    Timed.beat(:use_bpm_mul, factor)
    Strand.current.locals[:beat_seconds] = current_beat_duration.to_f / factor
  end

  def with_bpm_mul(factor, &block)
    Blocks.need(:with_bpm_mul, block)
    Timed.beat(:with_bpm_mul, factor)
    Strand.with(beat_seconds: current_beat_duration.to_f / factor, &block)
  end

  def current_bpm = 60.0 / current_beat_duration

  def current_beat_duration = Strand.current.locals[:beat_seconds]

  def beat = Strand.current.beat
  alias current_beat beat

  def vt = Strand.current.time.to_f.round(6)

  def current_time = Strand.current.time.to_f

  def rt(seconds) = seconds / current_beat_duration

  def bt(beats) = beats * current_beat_duration

  def block_duration(&block)
    before = Strand.current.time
    block.call
    (Strand.current.time - before).to_f
  end

  def block_slept?(&) = block_duration(&).positive?
end
