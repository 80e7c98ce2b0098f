# Rings, vectors, ramps and maps: Sonic Pi's lists that never change, and what it adds to Ruby's own classes.

# Steps through a list by the thread's own counters.
module Ticking
  def tick(*args) = ring[Counters.tick(*args)]

  def look(*args) = ring[Counters.look(*args)]
end

# Draws from a list by the thread's own random stream.
module Drawing
  def choose = self[Chance.whole(size)]

  def pick(count = nil, opts = nil)
    count, opts = nil, count unless count.is_a?(Numeric)
    count ||= 1
    skip = opts.is_a?(Hash) ? opts[:skip] : nil
    raise "skip: opt needs to be a number, got: #{skip.inspect}" unless skip.nil? || skip.is_a?(Numeric)

    skip&.times { choose }
    picked = []
    count.times { picked << choose }
    picked
  end
end

# A list that never changes.
class Vector
  include Ticking
  include Drawing

  def initialize(items) = @items = items.to_a.dup.freeze

  def to_a = @items.dup
  alias to_ary to_a

  # What Ruby's arrays answer in their own way.
  %i[<=> all? any? each each_with_index empty? index join length map size].each do |name|
    define_method(name) { |*args, &block| @items.public_send(name, *args, &block) }
  end

  # What gives a list again, of the same sort as this one.
  %i[& compact drop flat_map flatten reverse rotate shuffle sort uniq values_at].each do |name|
    define_method(name) do |*args, &block|
      args = args.map { |arg| arg.is_a?(Vector) ? arg.to_a : arg }
      like(@items.public_send(name, *args, &block))
    end
  end

  # What gives one item, or with a number a list.
  %i[first last max min].each do |name|
    define_method(name) do |count = nil, &block|
      count ? like(@items.public_send(name, count, &block)) : @items.public_send(name, &block)
    end
  end

  def [](*where)
    return @items[place(where[0])] if where.size == 1 && !where[0].is_a?(Range)

    # (Sonic Pi takes the end of a range for a length.)
    where = [where[0].min, where[0].max] if where.size == 1
    @items[*where]&.then { |items| like(items) }
  end

  def *(other) = like(@items * other)

  def +(other) = shift(other, :+)

  def -(other) = shift(other, :-)

  def ==(other) = other.class == self.class && other.to_a == @items
  alias eql? ==

  def hash = @items.hash

  def filter(&) = like(@items.select(&))

  def drop_last(count = 1) = like(@items[0...(size - count)])

  def butlast = drop_last(1)

  def take_last(count = 1) = self[(size - count)..(size - 1)]

  # More than there are begins again from the front; fewer than none takes from the back.
  def take(count)
    return reverse.take(-count) if count.negative?

    like(count.zero? || empty? ? [] : @items.cycle.take(count))
  end

  def pick(...) = super.ring

  def sample = choose

  def reflect(times = 1)
    once = self + reverse.drop(1)
    times > 1 ? once + (once.drop(1) * (times - 1)) : once
  end

  def mirror(times = 1) = (self + reverse) * times

  def repeat(times = 2) = self * [times, 1].max

  def stretch(times) = like(@items.flat_map { |item| Array.new(times, item) })

  def scale(factor) = like(@items.map { |item| item * factor.to_f })

  def list_diff(other) = like(@items - other.to_a)

  def list_concat(other) = like(@items + other.to_a)

  def ring = self

  def ramp = Ramp.new(@items)

  def inspect = empty? ? "(#{title})" : "(#{title} #{@items.inspect[1...-1]})"
  alias to_s inspect

  def title = "vector"

  private

  def place(index) = index

  def like(items) = self.class.new(items)

  def shift(other, sign)
    case other
    when Vector, Array then like(@items.public_send(sign, other.to_a))
    else like(@items.map { |item| item.public_send(sign, other.to_f) })
    end
  end
end

# A list whose end meets its beginning.
class Ring < Vector
  def title = "ring"

  private

  def place(index) = empty? ? index : index % size
end

# A list that stays at its last item.
class Ramp < Vector
  def title = "ramp"

  def ramp = self

  private

  def place(index) = index.to_i.clamp(0, [size - 1, 0].max)
end

# A hash that never changes.
class SPMap
  def initialize(*pairs) = @pairs = (pairs in [SPMap]) ? pairs[0].to_h : Hash[*pairs].freeze

  %i[[] any? assoc dig each each_key each_pair empty? fetch fetch_values flatten has_key? has_value? include?
     key key? length size].each do |name|
    define_method(name) { |*args, &block| @pairs.public_send(name, *args, &block) }
  end

  %i[compact filter invert merge reject select slice].each do |name|
    define_method(name) { |*args, &block| SPMap.new(@pairs.public_send(name, *args, &block)) }
  end

  %i[< <= > >=].each do |name|
    define_method(name) { |other| @pairs.public_send(name, other.to_h) }
  end

  def ==(other) = other.is_a?(SPMap) && other.to_h == @pairs
  alias eql? ==

  def hash = @pairs.hash

  def keys = Vector.new(@pairs.keys)

  def rassoc(value) = Vector.new(@pairs.rassoc(value))

  def to_h = @pairs.dup
  alias to_hash to_h

  def inspect
    pairs = @pairs.map do |key, value|
      key.is_a?(Symbol) ? "#{key}: #{value.inspect}" : "#{key.inspect} => #{value.inspect}"
    end
    pairs.empty? ? "(map)" : "(map #{pairs.join(", ")})"
  end
  alias to_s inspect
end

class Array
  include Ticking
  include Drawing

  def ring = Ring.new(self)

  def ramp = Ramp.new(self)

  def sample = choose

  # Sonic Pi's own way: as many exchanges as there are items, in a stream of its own.
  def shuffle = Chance.aside { |stream| size.times.inject(dup) { |mixed, _| exchange(mixed, stream) } }

  def shuffle! = replace(shuffle)

  private

  def exchange(mixed, stream)
    first = stream.draw(size)
    second = stream.draw(size)
    mixed[first], mixed[second] = mixed[second], mixed[first]
    mixed
  end
end

class Object
  def ring = to_a.ring

  def tick(*args) = ring.tick(*args)

  def look(*args) = ring.look(*args)
end

class String
  def ring = chars.ring

  def shuffle = chars.shuffle.join
end

class Symbol
  def ring = name.ring

  def shuffle = name.shuffle.to_sym

  # Notes can be reckoned with; a rest stays one.
  def +(other) = rest? ? self : Theory.midi(self) + Theory.midi(other)

  def -(other) = rest? ? self : Theory.midi(self) - Theory.midi(other)

  def to_f = rest? ? 0.0 : Theory.midi(self).to_f

  def to_i = to_f.to_i

  private

  def rest? = %i[r rest].include?(self)
end

class NilClass
  def +(_other) = nil

  def -(_other) = nil
end

class Float
  def times = to_i.times { |n| yield n.to_f }
end

class Numeric
  def max(other) = self <= other ? self : other

  def min(other) = self >= other ? self : other

  # With one number: between it and its negative. (`max` and `min` are Sonic Pi's: the limit, not the larger.)
  def clamp(*limits) = limits.size == 1 && limits[0].is_a?(Numeric) ? max(limits[0]).min(-limits[0]) : super
end

# The counters of `tick` and `look`: each thread has its own, by name.
module Counters
  DEFAULT = :"default tick"

  def self.tick(key = DEFAULT, opts = {})
    key, opts = named(key, opts)
    counters = Strand.current.ticks
    step = opts[:step] || 1
    upcoming = counters[key]&.last || 0
    counters[key] = [upcoming + step - 1, upcoming + step]
    upcoming + step - 1 + (opts[:offset] || 0)
  end

  def self.look(key = DEFAULT, opts = {})
    key, opts = named(key, opts)
    (Strand.current.ticks[key]&.first || 0) + (opts[:offset] || 0)
  end

  def self.set(key, value = nil)
    key, value = DEFAULT, key if value.nil?
    key, = named(key, {})
    raise "Tick value must be a number, got #{value.class}: #{value.inspect}" unless value.is_a?(Numeric)

    Strand.current.ticks[key] = [value, value]
    value
  end

  def self.forget(key = DEFAULT) = Strand.current.ticks.delete(named(key, {}).first) && nil

  def self.named(key, opts)
    key, opts = DEFAULT, key if key.is_a?(Hash)
    key = key.to_sym if key.is_a?(String)
    raise "Tick key must be a symbol, got #{key.class}: #{key.inspect}" unless key.is_a?(Symbol)

    [key, opts]
  end
end
