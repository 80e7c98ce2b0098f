# Lists made by rule, counters, functions of one's own, and what is printed.

# What the lists below are made of.
module Lists
  def self.even(name, pairs)
    return if pairs.size.even?

    raise ArgumentError, "#{name} must have a even number of arguments, " \
                         "you passed: #{pairs.size} - #{pairs.inspect}"
  end

  # Each of the one joined to each of the other, and what is left over of either.
  def self.share(heads, tails)
    pairs = heads.zip(tails).filter_map { |head, tail| head + tail if tail }.reverse
    [pairs, heads.size > tails.size ? heads.drop(tails.size) : tails.drop(heads.size)]
  end

  def self.powers(name, start, factor, number)
    unless start.is_a?(Numeric)
      raise ArgumentError, "Start value for #{name} needs to be a number, got: #{start.inspect}"
    end

    Array.new(number) { |n| start.to_f * (factor**n) }.ring
  end
end

module Language
  def ring(*items) = Ring.new(items)

  def vector(*items) = Vector.new(items)

  def ramp(*items) = Ramp.new(items)

  def map(*pairs)
    return SPMap.new(*pairs) if pairs.size <= 1
    raise MapArgError, "map needs an even number of arguments, got #{pairs.size}" if pairs.size.odd?

    SPMap.new(Hash[*pairs])
  end

  def bools(*items) = items.map { |item| item && item != 0 ? true : false }.ring

  def knit(*pairs)
    Lists.even(:knit, pairs)
    pairs.each_slice(2).flat_map { |value, times| times.positive? ? [value] * times : [] }.ring
  end

  def stretch(*pairs)
    Lists.even(:stretch, pairs)
    pairs.each_slice(2).flat_map do |values, times|
      values = [values] unless values.respond_to?(:flat_map)
      values.to_a.flat_map { |value| Array.new([times, 0].max, value) }
    end.ring
  end

  # Björklund's rhythms: so many beats as evenly as they go.
  def spread(accents, size, *opts)
    return ([true] * size).ring if accents >= size
    return ([false] * size).ring unless accents.positive?

    heads, tails = [[true]] * accents, [[false]] * (size - accents)
    heads, tails = Lists.share(heads, tails)
    heads, tails = Lists.share(heads, tails) while tails.size > 1
    beats = (heads + tails).flatten
    turns = Options.of(opts)[:rotate]
    turns = 0 unless turns.is_a?(Numeric)
    turns.abs.times { beats.rotate!(1 + beats.drop(1).index(true).to_i) }
    beats.ring
  end

  def range(start, finish, *opts)
    start, finish = start.to_f, finish.to_f
    return [].ring if start == finish

    opts = opts.size == 1 && opts[0].is_a?(Numeric) ? { step: opts[0] } : Options.of(opts)
    step = (opts[:step] || 1.0).to_f.abs
    raise ArgumentError, "step: opt for fn range should not be zero" if step.zero?

    up = start < finish
    inside = ->(n) { opts[:inclusive] && n == finish || (up ? n < finish : n > finish) }
    steps = []
    current = start
    while inside[current.round(14)]
      steps << current.round(14)
      current += up ? step : -step
    end
    steps.ring
  end

  def line(start, finish, *opts)
    start, finish = start.to_f, finish.to_f
    return [].ring if start == finish

    opts = Options.of(opts)
    steps = opts[:steps] || 4
    raise ArgumentError, "steps: opt for fn line should be greater than zero" unless steps.positive?

    range(0, steps).scale((finish - start) / (opts[:inclusive] ? steps - 1 : steps)) + start
  end

  def halves(start, number = 1) = Lists.powers(:halves, start, number.negative? ? 2.0 : 0.5, number.abs)

  def doubles(start, number = 1) = Lists.powers(:doubles, start, number.negative? ? 0.5 : 2.0, number.abs)

  def inc(number) = number + 1

  def dec(number) = number - 1

  def factor?(value, factor) = factor != 0 && (value % factor).zero?

  def quantise(number, step)
    raise ArgumentError, "quantisation step resolution should be positive" if step <= 0

    (number.to_f / step).round * step
  end

  def tick(*args) = Counters.tick(*args)

  def look(*args) = Counters.look(*args)

  def tick_set(*args) = Counters.set(*args)

  def tick_reset(*args) = Counters.forget(*args)

  def tick_reset_all = Strand.current.ticks.clear && nil

  def on(condition) = Options.truthy?(condition) ? yield : nil

  def comment(*) = nil

  def uncomment(*) = yield

  def define(name, &block)
    Blocks.need(:define, block)
    if Snippet.method_defined?(name) && !Snippet.method_defined?(name, false)
      raise ArgumentError, "A function called #{name} is already part of Sonic Pi's core API. " \
                           "Please choose another name."
    end

    Snippet.define_method(name, &block)
  end

  def ndefine(*) = nil

  # The block's value, reckoned once.
  def defonce(name, *opts, &block)
    Blocks.need(:defonce, block)
    return if Snippet.method_defined?(name, false) && !Options.of(opts)[:override]

    value = block.call
    define(name) { value }
  end

  def puts(*items) = Score.say(items.map(&:inspect).join(" "))
  alias print puts

  def spark_graph(*values)
    values = values[0].to_a if values.size == 1 && Options.list?(values[0])
    values = values.map { |value| value == true ? 1.0 : value.respond_to?(:to_f) ? value.to_f : 0.0 }
    low, high = values.minmax
    size = high == low ? 1.0 : (high || 0) - (low || 0)
    values.map { |value| "▁▂▃▄▅▆▇"[((value - low) / size * 6).round] }.join
  end

  def spark(*values) = puts(spark_graph(*values))

  def assert(value, message = nil) = value || raise(AssertionError, "Assert failed! #{message}")

  def assert_not(value, message = nil)
    value ? raise(AssertionError, "Assert not failed! #{message}") : value
  end

  def assert_equal(one, other, message = nil)
    return one if one == other

    raise AssertionError, "Assert failed! #{one.inspect} is not equal to #{other.inspect}. #{message}"
  end

  def assert_not_equal(one, other, message = nil)
    return one unless one == other

    raise AssertionError, "Assert note equal failed! #{one.inspect} is equal to #{other.inspect}. #{message}"
  end

  def assert_similar(one, other, message = nil)
    one, other = one.to_f.round(5), other.to_f.round(5) if one.is_a?(Numeric)
    assert_equal(one, other, message)
  end

  def assert_error(kind = Exception)
    yield
  rescue kind
    nil
  else
    raise AssertionError, "Assert error failed! No errors raised by running do/end block"
  end

end

class MapArgError < StandardError; end
class AssertionError < StandardError; end
