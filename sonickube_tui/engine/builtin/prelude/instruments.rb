# The synths, effects and samples there are, told by the console, and how their arguments are settled.

# A synth or an effect. `defaults` has every argument of its definition; `beats` those in beats, with the
# default that Sonic Pi has for each: a number, or the name of the argument that it follows.
Instrument = Struct.new(:name, :defaults, :beats, :notes, :synonyms)

module Instruments
  class << self
    attr_reader :samples

    # `table`: name to definition's name and arguments; `samples`: name to seconds and channels.
    def load(table, samples)
      @all = table.to_h { |name, told| [name.to_sym, Instrument.new(**told, name: told[:name].to_sym)] }
      @known = @all.values.to_h { |one| [one.name, one.defaults] }
      @samples = samples
    end

    def synth(name) = @all[name.to_sym] || raise("Unknown synth #{name.to_sym.inspect}")

    def effect(name) = @all[:"fx_#{name}"] || raise("Unknown FX #{name.inspect}")

    def player(channels, simple) = @all[:"#{"basic_" if simple}#{channels == 1 ? "mono" : "stereo"}_player"]

    def synths = @all.keys.reject { |name| name.end_with?("_player") || name.start_with?("fx_") }.sort.ring

    def effects = @all.keys.grep(/\Afx_/) { |name| name.name.delete_prefix("fx_").to_sym }.sort.ring

    def known(name) = @known.fetch(name)

    # Arguments as they are sent: in seconds, MIDI notes and numbers. Changes and returns `args`.
    def settle(args, instrument, defaults = {})
      args.compact!
      defaults.each { |name, value| args[name] = value unless args.key?(name) }
      resolve(args, instrument)
      numbers(args, instrument.defaults)
      duration(args)
      scale(args, instrument) if Strand.current.locals[:scale_arguments]
      args
    end

    # Other names of arguments, and notes by name.
    def resolve(args, instrument)
      instrument.synonyms.each do |name, real|
        args[real.to_sym] = args.delete(name) if args.key?(name) && !args.key?(real.to_sym)
      end
      instrument.notes.each do |name|
        args[name.to_sym] = Strand.snippet.note(args[name.to_sym]) if args.key?(name.to_sym)
      end
    end

    # `slide:` is for every slide that is not given.
    def slides(args, instrument)
      return unless args[:slide]

      instrument.beats.each_key { |name| args[name] ||= args[:slide] if name.end_with?("_slide") }
    end

    def numbers(args, defaults)
      args.each do |name, value|
        value = value.call if value.is_a?(Proc)
        args[name] = number(name, value, args, defaults)
      end
    end

    def scale_given(args, instrument)
      factor = Strand.current.locals[:beat_seconds]
      instrument.beats.each_key { |name| args[name] *= factor if args.key?(name) }
    end

    private

    def number(name, value, args, defaults)
      case value
      when Numeric, nil then value
      when true then 1.0
      when false then 0.0
      when Symbol then (args[value] || defaults[value]).to_f
      else value.to_f
      end
    rescue NoMethodError
      raise "Unable to normalise argument with key #{name.inspect} and value #{value.inspect}"
    end

    # The whole length of a sound is told as its sustain.
    def duration(args)
      return if !args.key?(:duration) || args.key?(:sustain)

      around = %i[attack decay release].sum { |part| args.fetch(part, 0) }
      args[:sustain] = [0, args.delete(:duration) - around].max
    end

    # Beats to seconds, of defaults too, because a synth definition knows no tempo.
    def scale(args, instrument)
      factor = Strand.current.locals[:beat_seconds]
      scaled = instrument.beats.filter_map do |name, default|
        value = args[name] || default
        value = args[value.to_sym] || instrument.beats[value.to_sym] if value.is_a?(String)
        [name, value * factor] if args.key?(name) || value * factor != default
      end
      args.merge!(scaled.to_h)
    end
  end
end
