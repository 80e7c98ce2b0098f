# What sounds: nodes that can be changed and ended.

# A node's arguments, found by symbol or text.
class Args < Hash
  def self.from(args) = new.merge!(args.transform_keys(&:to_s))

  def [](key) = super(key.to_s)

  def fetch(key, ...) = super(key.to_s, ...)

  def key?(key) = super(key.to_s)
  alias has_key? key?
end

class Node
  # Sonic Pi sends each change of a node by so many seconds after the one before it.
  STEP = 0.005

  attr_reader :id, :name, :args, :instrument

  def initialize(id, name, args, instrument)
    @id = id
    @name = name
    @args = Args.from(args)
    @instrument = instrument
    @known = Instruments.known(name)
  end

  def control(*opts)
    change = Options.of(opts)
    @args = Args.from(@args.merge(change.transform_keys(&:to_s)))
    change(change, moment)
    self
  end
  alias ctl control

  def change(opts, time)
    args = Score.numbers(opts, @known)
    Score.add(:Control, time, node: id, args:) unless args.empty?
  end

  def kill
    Score.add(:Kill, moment, node: id)
    self
  end

  def blank_node? = false

  def inspect = "#<#{self.class} #{id}>"
  alias to_s inspect

  %i[live? destroyed? running? paused? state pause run on_started on_destroyed].each do |call|
    define_method(call) { |*| raise MissingError, "#{call} of a sound is not in the built-in player" }
  end

  private

  def moment
    deltas = Strand.current.deltas
    deltas[id] = (deltas[id] || 0) + STEP
    Strand.current.time + deltas[id].to_r
  end
end

# The notes of a chord, changed together or each to a note of its own.
class ChordGroup < Node
  attr_reader :notes, :sub_nodes
  alias nodes sub_nodes

  def initialize(nodes, notes, instrument)
    @id = Score.next_node
    @name = "chord"
    @sub_nodes = nodes
    @notes = notes
    @instrument = instrument
  end

  def control(*opts)
    change = Options.of(opts).dup
    notes = change.delete(:notes)
    change[:amp] = change[:amp].to_f / sub_nodes.size if notes && change[:amp] && !sub_nodes.empty?
    if notes
      sub_nodes.each_with_index { |node, n| node.control(change.merge(note: notes.ring[n])) }
    else
      time = moment
      sub_nodes.each { |node| node.change(change, time) }
    end
    self
  end

  def kill
    time = moment
    sub_nodes.each { |node| Score.add(:Kill, time, node: node.id) }
    self
  end
end

# What a rest, or a sound that is off, gives: it can be changed without effect.
class BlankNode < Node
  def initialize(args) = @args = Args.from(args)

  def control(*) = self
  alias ctl control

  def kill = self

  def blank_node? = true

  def id = -1

  def instrument = nil
end
