# Synths, samples and what changes them.

module Sounds
  # Arguments that the simple sample players know; any other needs the full ones.
  SIMPLE = %i[amp pan cutoff lpf hpf rate slide beat_stretch rpitch attack decay sustain release attack_level
              decay_level sustain_level env_curve].freeze
  SLIDES = %w[amp pan cutoff lpf hpf].product(%w[slide slide_shape slide_curve])
                                     .map { |parts| parts.join("_").to_sym }.freeze

  # Synths of Sonic Pi's that are not here, and what to do.
  ABSENT = {
    winwood_lead: "its definition cannot be had: take :dpulse, or let Sonic Pi play this",
    sound_in: "it has no microphone", sound_in_stereo: "it has no microphone"
  }.freeze

  # Where Sonic Pi plays another note than the definition, if none is given.
  NOTES = { sc808_bassdrum: 32, sc808_cowbell: 79.59 }.freeze

  class << self
    def instrument(name)
      return Instruments.synth(name) unless (why = ABSENT[name.to_sym])

      raise MissingError, "the synth #{name.to_sym.inspect} is not in the built-in player: #{why}"
    end

    # One synth, with its arguments settled.
    def begin(instrument, args, sample: "")
      return BlankNode.new(args) if args.key?(:on) && !Options.truthy?(args.delete(:on))

      strand = Strand.current
      node = Node.new(Score.next_node, instrument.name, args, instrument)
      Score.add(:Play, strand.time, node: node.id, synth: instrument.name, place: strand.place, sample:,
                                     args: Score.numbers(args, Instruments.known(instrument.name)))
      strand.last_node = node
    end

    def synth(instrument, args)
      args = Instruments.settle(args, instrument, Strand.current.locals[:synth_defaults] || {})
      Instruments.slides(args, instrument)
      self.begin(instrument, args)
    end

    # Every note at the same time, each as much softer as there are notes.
    def chord(instrument, notes, args)
      args = Instruments.settle(args, instrument, Strand.current.locals[:synth_defaults] || {})
      args[:amp] = (args[:amp] || 1.0).to_f / notes.size
      nodes = notes.compact.map { |note| self.begin(instrument, args.merge(note:)) }
      Strand.current.last_node = ChordGroup.new(nodes.reject(&:blank_node?), notes, instrument)
    end

    # A note by name, list of one or block, moved by the settings of the thread.
    def note(note, args)
      note = note || args[:note]
      note = note.call if note.is_a?(Proc)
      note = note[0] if Options.list?(note) && note.size == 1
      note = Strand.snippet.note(note) unless note.is_a?(Numeric)
      locals = Strand.current.locals
      note += locals[:transpose] if locals[:transpose]
      note += 12 * locals[:octave] if locals[:octave]
      note += locals[:cents] / 100.0 if locals[:cents]
      # (A note is a float from here on, as in Sonic Pi.)
      note && Tuning.tune(note + 0.0 + args[:pitch].to_f)
    end

    def control(node, args)
      return if args.key?(:on) && !Options.truthy?(args.delete(:on))

      if (instrument = node.instrument)
        Instruments.resolve(args, instrument)
        Instruments.slides(args, instrument)
        Instruments.scale_given(args, instrument)
      end
      retune(node, args)
      node.control(args)
      node
    end

    private

    def retune(node, args)
      defaults = node.instrument&.defaults || {}
      if node.is_a?(ChordGroup)
        notes = args.delete(:notes) || args[:note]
        args.delete(:note)
        Instruments.numbers(args, defaults)
        args[:notes] = (Options.list?(notes) ? notes.to_a : [notes]).map { |note| note(note, args) } if notes
      else
        args[:note] = note(args[:note], args) if args[:note]
        Instruments.numbers(args, defaults)
      end
    end
  end
end

module Language
  def synth(name, *opts, &block)
    name ||= current_synth
    instrument = Sounds.instrument(name)
    args = (Strand.current.locals[:synth_defaults] || {}).merge(Options.of(opts))
    return BlankNode.new(args) if rest?(args)

    notes = args[:notes] || args[:note]
    if Options.list?(notes)
      args = args.except(:notes, :note)
      return Sounds.chord(instrument, notes.to_a.map { |note| Sounds.note(note, args) }, args)
    end
    note = args[:note] || Sounds::NOTES[name.to_sym] || instrument.defaults.fetch(:note, 52)
    args[:note] = Sounds.note(note, args)
    node = Sounds.synth(instrument, args)
    Threads.begin({}, block) { block.call(node) } if block
    node
  end

  def play(note, *opts, &)
    if note.is_a?(Node) || note.is_a?(Recording)
      raise "Play expects a note to play. If you want to make a sound with a sample, use 'sample ...'"
    end

    note.is_a?(Hash) && opts.empty? ? synth(nil, note, &) : synth(nil, { note: }, *opts, &)
  end

  def play_chord(notes, *opts)
    unless Options.list?(notes)
      raise "play_chord expects a list of notes such as [70, 75, 82], got #{notes.inspect}"
    end

    args = Options.of(opts).dup
    Sounds.chord(Sounds.instrument(current_synth), notes.to_a.map { |note| Sounds.note(note, args) }, args)
  end

  def play_pattern(notes, *opts) = play_pattern_timed(notes, 1, *opts)

  def play_pattern_timed(notes, times, *opts)
    times = (Options.list?(times) ? times : [times]).ring
    last = opts.last.is_a?(Hash) ? opts.last : {}
    notes.each_with_index do |note, n|
      play(note, last.merge(duration: times[n]))
      sleep(times[n])
    end
  end

  def play_nested_pattern(pattern, *opts)
    opts = { mode: :notes, beat_length: 1 }.merge(Options.of(opts))
    Nested.steps(pattern).each do |factor, value|
      with_bpm_mul(factor) do
        case opts[:mode]
        when :notes then play(value)
        when :samples then sample(value)
        when :lambdas then value.call
        else raise "Unrecognized :mode for play_nested_pattern. Must be one of [:notes, :samples, :lambdas]"
        end
        sleep(opts[:beat_length])
      end
    end
  end

  def control(*args)
    node = args.first.is_a?(Node) ? args.shift : Strand.current.last_node
    node && Sounds.control(node, Options.of(args).dup)
  end

  def kill(node) = node&.kill && nil

  def use_synth(name, *opts, &block)
    Blocks.refuse(:use_synth, :with_synth, block)
    raise "use_synth does not accept opts. Consider using use_synth_defaults." unless opts.empty?

    Strand.current.locals[:synth] = name
  end

  def with_synth(name, *opts, &block)
    Blocks.need(:with_synth, block)
    raise "with_synth does not accept opts. Consider using with_synth_defaults." unless opts.empty?

    Strand.with(synth: name, &block)
  end

  def current_synth = Strand.current.locals[:synth] || :beep

  %i[synth sample].each do |kind|
    local = :"#{kind}_defaults"
    before = -> { Strand.current.locals[local] || {} }

    define_method(:"use_#{local}") do |*opts, &block|
      Blocks.refuse(:"use_#{local}", :"with_#{local}", block)
      Strand.current.locals[local] = Options.of(opts)
    end

    define_method(:"with_#{local}") do |*opts, &block|
      Blocks.need(:"with_#{local}", block)
      Strand.with(local => Options.of(opts), &block)
    end

    define_method(:"use_merged_#{local}") do |*opts, &block|
      Blocks.refuse(:"use_merged_#{local}", :"with_merged_#{local}", block)
      Strand.current.locals[local] = before.call.merge(Options.of(opts))
    end

    define_method(:"with_merged_#{local}") do |*opts, &block|
      Blocks.need(:"with_merged_#{local}", block)
      Strand.with(local => before.call.merge(Options.of(opts)), &block)
    end

    define_method(:"current_#{local}") { Strand.current.locals[local] }
  end

  def use_arg_bpm_scaling(on, &block)
    Blocks.refuse(:use_arg_bpm_scaling, :with_arg_bpm_scaling, block)
    Strand.current.locals[:scale_arguments] = on
  end

  def with_arg_bpm_scaling(on, &block)
    Blocks.need(:with_arg_bpm_scaling, block)
    Strand.with(scale_arguments: on, &block)
  end

  def synth_names = (Instruments.synths.to_a + Sounds::ABSENT.keys).sort.ring

  def fx_names = (Instruments.effects.to_a + Effects::ABSENT).sort.ring
end

# Patterns in patterns, each as long as the one that it lies in.
module Nested
  def self.steps(pattern) = unfold(pattern, nil).map { |beats, step| [1.0 / beats, step] }

  def self.unfold(item, beats)
    over = item.is_a?(Hash) && item.keys == %i[over val]
    return [[beats, item]] unless over || item.is_a?(Array)

    inner = over ? item[:val] : item
    count = inner.sum(0.0) { |step| step.is_a?(Hash) && step.keys == %i[over val] ? step[:over] : 1 }
    each = beats ? beats * (over ? item[:over].to_f : 1) / count : 1.0
    inner.flat_map { |step| unfold(step, each) }
  end
end
