# Threads over virtual time. Each is a fiber; whose time is earliest runs, and no clock is waited for.

class Stop < StandardError; end

# The sandbox's own refusal: no `rescue` of a snippet is meant to catch it.
class Refused < Exception; end

# One thread: its place in time, its settings, and what it hands on to the threads it begins.
class Strand
  # `id` orders threads of one time as Sonic Pi does: a parent before its children, elder before younger.
  # `origin` is its block: where it was begun is told when nothing else is known.
  attr_reader :id, :name, :locals, :scopes, :origin
  attr_accessor :time, :beat, :place, :chance, :ticks, :deltas, :last_sync, :synced, :slept, :cues,
                :waiting, :warped, :last_node

  DEFAULTS = {
    bpm: 60.0, density: 1.0, beat_seconds: 1.0, child_seeds: 0, random_source: :white, scale_arguments: true
  }.freeze

  class << self
    # The thread that runs, or ran last; and what it runs in.
    attr_accessor :current, :snippet

    # The block with other settings of the current thread.
    def with(**changes)
      locals = current.locals
      before = locals.slice(*changes.keys)
      locals.update(changes)
      yield
    ensure
      changes.each_key { |key| before.key?(key) ? locals[key] = before[key] : locals.delete(key) }
    end
  end

  def initialize(parent: nil, name: nil, seed: 0, origin: nil, &block)
    @id = parent ? parent.next_id : [0]
    @name = name
    @origin = origin
    @time = parent ? parent.time : 0r
    @beat = parent ? parent.beat : 0.0
    @locals = parent ? parent.locals.dup : DEFAULTS.dup
    @place = parent ? parent.place : 0
    @scopes = parent ? parent.scopes.dup : []
    @chance = Chance.new(seed)
    @ticks = {}
    @deltas = {}
    @cues = 0
    @spawned = 0
    @scopes.each(&:hold)
    @fiber = Fiber.new { run(&block) }
  end

  def next_id = @id + [(@spawned += 1) - 1]

  # A thread of this one's: `seed` adds to its own, else the next of those that its stream gives to children.
  def spawn(name: nil, seed: nil, origin: nil, &block)
    unless seed
      seed = chance.at(locals[:child_seeds]) * Chance::SIZE
      locals[:child_seeds] += 1
    end
    child = Strand.new(parent: self, name:, seed: seed + chance.seed, origin:, &block)
    Scheduler.add(child)
  end

  def resume
    Strand.current = self
    @fiber.resume
    finish unless alive?
  end

  def alive? = @fiber.alive?

  def backtrace = @fiber.backtrace

  def before?(other) = time == other.time ? (id <=> other.id).negative? : time < other.time

  private

  def run
    yield
  rescue Stop
    nil
  rescue Exception => e
    @failure = e
  end

  # Outside of the fiber, which may have no stack left.
  def finish
    Score.failed(@failure) if @failure
    Scheduler.halt if @failure.is_a?(Refused)
    scopes.reverse_each { |scope| scope.release(time) }
    Score.add(:Done, time) if id == [0] && @failure.nil?
  end
end

module Scheduler
  class << self
    # Forget every thread.
    def reset
      @strands = []
      @time = 0r
    end

    # How far any thread has come, and those that go on.
    attr_reader :time, :strands

    def add(strand) = @strands.push(strand) && strand

    def named?(name) = @strands.any? { |strand| strand.name == name }

    # Run every thread up to a virtual time, in seconds.
    def advance(limit)
      @limit = limit
      while (strand = first) && strand.time <= limit
        strand.resume
        @time = [@time, strand.time].max
        @strands.delete(strand) unless strand.alive?
      end
      @ended = first.nil?
    end

    # No thread will go on: none is left, or each waits for a cue that nobody gives.
    def ended? = @ended

    def halt = @strands.clear

    # Let others run whose time is earlier.
    def pause(strand)
      Fiber.yield unless strand.time <= @limit && first.equal?(strand)
    end

    private

    def first
      earliest = nil
      @strands.each do |strand|
        earliest = strand if !strand.waiting && (earliest.nil? || strand.before?(earliest))
      end
      earliest
    end
  end
end
