# Random numbers: Sonic Pi's own published streams of 441,000 values, entered at the thread's seed.

# A place in a stream: the seed says where it begins, the index how far it was read.
class Chance
  SIZE = 441_000
  SOURCES = %i[white pink light_pink dark_pink perlin].freeze

  attr_accessor :seed, :index

  class << self
    # By source, its stream as 16-bit samples; one that comes again and again is there once.
    attr_accessor :streams

    # The stream of the thread that runs.
    def stream = streams.fetch(Strand.current.locals[:random_source])

    def source(name)
      unless (name.is_a?(Symbol) || name.is_a?(String)) && SOURCES.include?(name.to_sym)
        raise ArgumentError, "invalid noise type '#{name}' - please use one of :white, :pink, :light_pink, " \
                             ":dark_pink or :perlin instead"
      end
      return name.to_sym if streams.key?(name.to_sym)

      raise MissingError, "the random source #{name.to_sym.inspect} is not in the built-in player: take " \
                          "#{streams.keys.map(&:inspect).join(" or ")}, or let Sonic Pi play this"
    end

    def current = Strand.current.chance

    def draw(max = 1) = current.draw(max)

    def whole(max) = current.draw(max).to_i

    # A stream of its own for the block, which costs the thread's own stream one value.
    def aside
      mine = current
      Strand.current.chance = new(mine.draw(SIZE).to_i)
      yield Strand.current.chance
    ensure
      Strand.current.chance = mine
    end
  end

  def initialize(seed, index = 0)
    @seed = seed
    @index = index
  end

  def draw(max = 1)
    @index += 1
    at(@index - 1) * max
  end

  def peek = at(@index)

  # The value at a place, whatever was read before.
  def at(index)
    stream = Chance.stream
    place = ((@seed + index + 1) % (stream.bytesize / 2)).to_i
    stream.unpack1("s<", offset: 2 * place) / 32_768.0
  end
end

module Language
  def rand(max = 1)
    return 0.0 if max == 0

    max.is_a?(Range) ? rrand(note(max.min), note(max.max)) : Chance.draw(max)
  end

  def rand_i(max = 2)
    return 0 if max == 0

    max.is_a?(Range) ? rrand_i(max.min, max.max) : Chance.whole(note(max))
  end

  def rand_look(*args) = rand(*args).tap { rand_back }

  def rand_i_look(*args) = rand_i(*args).tap { rand_back }

  def rand_back(amount = 1) = rand_skip(-amount)

  def rand_skip(amount = 1)
    Chance.current.index += amount
    Chance.current.peek
  end

  def rand_reset = Chance.current.index = 0

  def rrand(min, max, *opts)
    min = note(min)
    max = note(max)
    step = Options.of(opts)[:step]
    value = min == max ? min : Chance.draw((min - max).abs) + [min, max].min
    step ? quantise(value, step) : value
  end

  def rrand_i(min, max)
    min = note(min)
    max = note(max)
    min == max ? min : Chance.whole((min - max).abs.to_i + 1) + [min, max].min
  end

  def rdist(width, centre = 0, *opts) = rrand(centre - width, centre + width, *opts)

  def dice(sides = 6) = rrand_i(1, sides)

  def one_in(number) = number.to_i >= 1 && rrand_i(1, number.to_i) == 1

  def choose(list = nil) = list ? list.to_a.choose : ->(later) { later.choose }

  def pick(*args)
    items = Options.list?(args[0]) ? args.shift : nil
    count = args[0].is_a?(Numeric) ? args.shift : 1
    items ? items.pick(count, *args) : ->(later) { later.pick(count, *args) }
  end

  def shuffle(list) = list.respond_to?(:shuffle) ? list.shuffle : list.to_a.shuffle

  def use_random_seed(seed, &block)
    Blocks.refuse(:use_random_seed, :with_random_seed, block)
    Strand.current.locals[:child_seeds] = 0
    Strand.current.chance = Chance.new(seed)
    seed
  end

  def with_random_seed(seed, &block)
    Blocks.need(:with_random_seed, block)
    strand = Strand.current
    chance = strand.chance
    Strand.with(child_seeds: 0) do
      strand.chance = Chance.new(seed)
      block.call
    end
  ensure
    strand.chance = chance if chance
  end

  def use_random_source(name, &block)
    Blocks.refuse(:use_random_source, :with_random_source, block)
    Strand.current.locals[:random_source] = Chance.source(name)
  end

  def with_random_source(name, &block)
    Blocks.need(:with_random_source, block)
    Strand.with(random_source: Chance.source(name), &block)
  end

  def current_random_source = Strand.current.locals[:random_source]

  def current_random_seed = Chance.current.seed + Chance.current.index
end
